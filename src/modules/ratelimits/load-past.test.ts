import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T14:00:00Z' })
  acme = await t.tenant()
})
afterAll(() => t.close())

const perMinute = (limit: number) => ({ algorithm: 'FIXED_WINDOW', limit, window_ms: 60_000 })
const asOperator = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, at: string, body?: object) => {
  t.clock.set(at)
  return (await t.call(method, `/rate-limits${path}`, { key: t.operatorKey, ...(body ? { body } : {}) })).body
}
const limit = async (at: string, terms: object = {}): Promise<string> =>
  String((await asOperator('POST', '', at, { name: 'calls', scopes: ['PER_TENANT'], policy: perMinute(1), ...terms })).id)
const check = async (path: string, body: object, key = acme.key) =>
  (await t.call('POST', `/rate-limits${path}check`, { key, body })).body
const explained = (path: string, at: string, body: object = {}, key = acme.key) =>
  check(path, { peek: true, explain: true, at, ...body }, key)

test('by which version a key was refused, and what it said, is told of any instant, when it has changed and is archived too', async () => {
  const id = await limit('2026-03-01T14:00:00Z')
  t.clock.set('2026-03-01T14:05:00Z')
  expect([await check(`/${id}/`, {}), await check(`/${id}/`, {})]).toMatchObject([{ allowed: true }, { allowed: false }])
  const overrides = [{ match: { tenant_id: acme.id }, policy: perMinute(7) }]
  await asOperator('PATCH', `/${id}`, '2026-03-01T14:10:00Z', { name: 'eased', overrides, mode: 'shadow' })
  await asOperator('DELETE', `/${id}`, '2026-03-01T15:00:00Z')
  t.clock.set('2026-03-02T09:00:00Z')
  const first = {
    limit_id: id,
    name: 'calls',
    version: 1,
    mode: 'enforce',
    since: '2026-03-01T14:00:00Z',
    until: '2026-03-01T14:10:00Z',
    reason: 'applies',
    missing: [],
    key: `tenant=${acme.id}`,
    overrides: [],
    policy: perMinute(1),
    reserved: 0,
  }
  const second = {
    ...first,
    name: 'eased',
    version: 2,
    mode: 'shadow',
    since: '2026-03-01T14:10:00Z',
    until: '2026-03-01T15:00:00Z',
    overrides: [0],
    policy: perMinute(7),
  }
  const archived = { ...second, reason: 'archived' }
  for (const [at, told] of [
    ['2026-03-01T14:00:00Z', first],
    ['2026-03-01T14:05:00Z', first],
    ['2026-03-01T14:09:59.999Z', first],
    ['2026-03-01T14:10:00Z', second],
    ['2026-03-01T14:59:59Z', second],
    ['2026-03-01T15:00:00Z', archived],
    ['2026-03-02T09:00:00Z', archived],
  ] as const)
    expect(await explained(`/${id}/`, at), at).toMatchObject({ limits: [], explanation: { tier: null, limits: [told] } })
  expect((await asOperator('GET', `/${id}`, '2026-03-02T09:00:00Z')).versions).toMatchObject([
    { version: 2, created_at: '2026-03-01T14:10:00Z', until: '2026-03-01T15:00:00Z' },
    { version: 1, created_at: '2026-03-01T14:00:00Z', until: '2026-03-01T14:10:00Z' },
  ])
})

test('where no limit is named, those are told that were in force then', async () => {
  const early = await limit('2026-03-03T10:00:00Z', { priority: 1 })
  const late = await limit('2026-03-03T11:00:00Z', { priority: 2 })
  await asOperator('DELETE', `/${early}`, '2026-03-03T12:00:00Z')
  const told = async (at: string) => {
    const { explanation } = await explained('/', at)
    return [early, late].filter((id) => JSON.stringify(explanation).includes(id))
  }
  t.clock.set('2026-03-04T00:00:00Z')
  expect(await told('2026-03-03T10:30:00Z')).toEqual([early])
  expect(await told('2026-03-03T11:30:00Z')).toEqual([early, late])
  expect(await told('2026-03-03T12:00:00Z')).toEqual([late])
  const both = { limits: [{ limit_id: early }, { limit_id: late }] }
  expect(await explained('/', '2026-03-03T12:00:00Z', both)).toMatchObject({
    explanation: { limits: [{ limit_id: late }, { limit_id: early, reason: 'archived' }] },
  })
})

test('the tier is that of then', async () => {
  const { id: tenantId, key } = await t.tenant()
  const id = await limit('2026-03-05T00:00:00Z', { overrides: [{ match: { tier: 'PRO' }, policy: perMinute(9) }] })
  t.clock.set('2026-03-05T10:00:00Z')
  await t.call('POST', '/subscriptions', { key: t.operatorKey, body: { tenant_id: tenantId, plan: 'pro' } })
  t.clock.set('2026-03-06T00:00:00Z')
  const told = async (at: string) => (await explained(`/${id}/`, at, {}, key)).explanation
  expect(await told('2026-03-05T09:59:59Z')).toMatchObject({ tier: null, limits: [{ overrides: [], policy: perMinute(1) }] })
  expect(await told('2026-03-05T10:00:00Z')).toMatchObject({ tier: 'PRO', limits: [{ overrides: [0], policy: perMinute(9) }] })
})

test('the level of a limit that follows the load is that of then', async () => {
  const over = { algorithm: 'FIXED_WINDOW', window_ms: 3_600_000 }
  const policy = { algorithm: 'ADAPTIVE', base: 10, minimum: 5, maximum: 20, cooldown_ms: 30_000, over }
  const id = await limit('2026-03-07T00:00:00Z', { policy })
  const stress = async (at: string) => {
    t.clock.set(at)
    await check(`/${id}/`, { tenant_id: acme.id, observed: { provider: { retry_after_ms: 1_000 } } }, t.operatorKey)
    await t.app.adjustLimits()
  }
  for (const at of ['2026-03-07T00:00:00Z', '2026-03-07T00:01:00Z', '2026-03-07T00:02:00Z']) await stress(at)
  const made = [(await asOperator('GET', `/${id}/adjustments`, '2026-03-07T00:03:00Z')).data].flat()
  expect(made).toMatchObject([
    { to: 8, created_at: '2026-03-07T00:02:00Z' },
    { to: 9, created_at: '2026-03-07T00:01:00Z' },
  ])
  await asOperator('PATCH', `/${id}`, '2026-03-07T00:03:00Z', { policy: { ...policy, base: 15 } })
  const level = async (at: string) => Object((await explained(`/${id}/`, at)).explanation).limits[0].policy.limit
  expect(await level('2026-03-07T00:00:59Z')).toBe(10)
  expect(await level('2026-03-07T00:01:00Z')).toBe(9)
  expect(await level('2026-03-07T00:02:59Z')).toBe(8)
  expect(await level('2026-03-07T00:03:00Z')).toBe(15)
})

test('an instant that is to come, one before the limit, and one beside what is asked now are refused in words', async () => {
  const id = await limit('2026-03-08T00:00:00Z')
  const refused = async (body: object) => {
    const { status, body: told } = await t.call('POST', `/rate-limits/${id}/check`, { key: t.operatorKey, body })
    return [status, told.code]
  }
  const [past, why] = [{ at: '2026-03-08T00:00:00Z' }, { peek: true, explain: true }]
  expect(await refused({ ...why, at: '2026-03-08T00:00:01Z' })).toEqual([422, 'at_in_future'])
  expect(await refused({ ...why, at: '2026-03-07T23:59:59Z' })).toEqual([422, 'at_before_limit'])
  expect(await refused({ ...why, at: '1970-01-01T00:00:00Z' })).toEqual([422, 'at_before_limit'])
  for (const body of [{}, { peek: true }, { explain: true }, { ...why, observed: { dropped: true } }])
    expect(await refused({ ...past, ...body })).toEqual([422, 'at_without_explanation'])
  for (const at of ['yesterday', '0001-01-01T00:00:00Z'])
    expect(await refused({ ...why, at })).toEqual([422, 'validation_failed'])
  expect(await explained('/rl_none/', past.at)).toMatchObject({ code: 'rate_limit_not_found' })
})

test("a tenant is told the past of limits that were the tenant's own affair then", async () => {
  const id = await limit('2026-03-09T00:00:00Z', { scopes: ['GLOBAL'] })
  await asOperator('PATCH', `/${id}`, '2026-03-09T01:00:00Z', { scopes: ['PER_TENANT'] })
  t.clock.set('2026-03-09T02:00:00Z')
  expect(await explained(`/${id}/`, '2026-03-09T00:30:00Z')).toMatchObject({ code: 'rate_limit_not_found' })
  expect(JSON.stringify((await explained('/', '2026-03-09T00:30:00Z')).explanation)).not.toContain(id)
  expect(await explained(`/${id}/`, '2026-03-09T00:30:00Z', {}, t.operatorKey)).toMatchObject({
    explanation: { limits: [{ version: 1, key: 'global' }] },
  })
  expect(await explained(`/${id}/`, '2026-03-09T01:00:00Z')).toMatchObject({ explanation: { limits: [{ version: 2 }] } })
})

test('the past is explained to one at a time; of many who ask at once some are told to come again', async () => {
  await limit('2026-03-03T10:00:00Z')
  t.clock.set('2026-03-03T12:00:00Z')
  const told = await Promise.all(Array.from({ length: 60 }, () => explained('/', '2026-03-03T11:00:00Z')))
  const busy = told.filter((body) => body.code === 'explanations_busy')
  expect(busy.length).toBeGreaterThan(0)
  expect(told.filter((body) => 'explanation' in body)).toHaveLength(60 - busy.length)
  expect(await explained('/', '2026-03-03T11:00:00Z')).toMatchObject({ allowed: true })
})
