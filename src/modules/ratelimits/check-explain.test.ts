import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T00:00:00Z' })
  acme = await t.tenant()
})
afterAll(() => t.close())

const perMinute = (limit: number) => ({ algorithm: 'FIXED_WINDOW', limit, window_ms: 60_000 })
const asOperator = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) =>
  t.call(method, `/rate-limits${path}`, { key: t.operatorKey, ...(body ? { body } : {}) })
const limit = async (terms: object = {}): Promise<string> =>
  String((await asOperator('POST', '', { name: 'calls', scopes: ['PER_TENANT'], policy: perMinute(5), ...terms })).body.id)
const check = async (path: string, body: object, key = acme.key) =>
  (await t.call('POST', `/rate-limits${path}check`, { key, body })).body

test('a check that explains decides and takes as any other, and says by which override, version and key', async () => {
  const overrides = [{ match: { tenant_id: acme.id }, policy: perMinute(2) }]
  const id = await limit({ overrides })
  expect(await check(`/${id}/`, {})).not.toHaveProperty('explanation')
  const told = await check(`/${id}/`, { explain: true })
  expect(told).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
  expect(told.explanation).toEqual({
    tier: null,
    limits: [
      {
        limit_id: id,
        name: 'calls',
        version: 1,
        mode: 'enforce',
        since: '2026-03-01T00:00:00Z',
        until: null,
        reason: 'applies',
        missing: [],
        key: `tenant=${acme.id}`,
        overrides: [0],
        policy: perMinute(2),
        reserved: 0,
      },
    ],
  })
  expect(await check(`/${id}/`, { dry_run: true, explain: true })).toMatchObject({ allowed: false, explanation: {} })
})

test('of many, those that do not count the request say why not, and the tier that overrides were looked up by', async () => {
  await t.call('POST', '/subscriptions', { key: t.operatorKey, body: { tenant_id: acme.id, plan: 'pro' } })
  const ids = [
    await limit({ endpoints: ['GET *'] }),
    await limit({ overrides: [{ match: { tier: 'PRO' }, policy: null }] }),
    await limit(),
  ]
  const limits = ids.map((limit_id) => ({ limit_id }))
  expect(await check('/', { limits, endpoint: 'POST /', explain: true })).toMatchObject({
    allowed: true,
    limits: [{ limit_id: ids[2] }],
    explanation: {
      tier: 'PRO',
      limits: [
        { limit_id: ids[0], reason: 'other_endpoint' },
        { limit_id: ids[1], reason: 'exempt_by_override', overrides: [0], policy: null },
        { limit_id: ids[2], reason: 'applies', overrides: [] },
      ],
    },
  })
})

test('a peek that explains also tells of a limit that is archived or lacks something; a check refuses those, explained or not', async () => {
  const [archived, incomplete] = [await limit(), await limit({ scopes: ['PER_TENANT', 'PER_USER'] })]
  await asOperator('PATCH', `/${archived}`, { policy: perMinute(6) })
  await asOperator('DELETE', `/${archived}`)
  const fresh = () => new Promise((resolve) => setTimeout(resolve, 1_000))
  await fresh()
  const limits = [{ limit_id: archived }, { limit_id: incomplete }]
  const peek = { peek: true, explain: true }
  expect(await check('/', { limits, ...peek })).toMatchObject({
    limits: [],
    explanation: {
      limits: [
        { limit_id: archived, reason: 'archived', version: 2, policy: perMinute(6) },
        { limit_id: incomplete, reason: 'subject_incomplete', missing: ['user_id'], key: null },
      ],
    },
  })
  expect(await check(`/${archived}/`, peek)).toMatchObject({ explanation: { limits: [{ reason: 'archived' }] } })
  expect(await check(`/${archived}/`, { explain: true })).toMatchObject({ code: 'rate_limit_not_found' })
  expect(await check(`/${archived}/`, { peek: true })).toMatchObject({ code: 'rate_limit_not_found' })
  expect(await check('/', { limits: [{ limit_id: incomplete }], explain: true })).toMatchObject({ code: 'subject_incomplete' })
})

test("nothing is explained to a tenant of limits that are not the tenant's own affair", async () => {
  const [id, own] = [await limit({ scopes: ['GLOBAL'] }), await limit()]
  const peek = { peek: true, explain: true }
  expect(await check(`/${id}/`, peek)).toMatchObject({ code: 'rate_limit_not_found' })
  await check(`/${own}/`, {}) // until every limit is known
  const { explanation } = await check('/', peek)
  expect([JSON.stringify(explanation).includes(own), JSON.stringify(explanation).includes(id)]).toEqual([true, false])
  await asOperator('DELETE', `/${id}`)
  expect(await check('/', { ...peek, limits: [{ limit_id: id }] })).toMatchObject({ code: 'rate_limit_not_found' })
})
