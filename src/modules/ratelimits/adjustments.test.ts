import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'
import { adjustmentService } from './index.ts'
import { NOTHING } from './tally.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp()
  acme = await t.tenant()
})
afterAll(() => t.close())
beforeEach(() => t.clock.set('2026-03-01T00:00:00Z'))

const ADAPTIVE = {
  algorithm: 'ADAPTIVE',
  base: 10,
  minimum: 5,
  maximum: 20,
  cooldown_ms: 30_000,
  over: { algorithm: 'FIXED_WINDOW', window_ms: 3_600_000 },
}
const asOperator = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) =>
  t.call(method, `/rate-limits${path}`, { key: t.operatorKey, ...(body ? { body } : {}) })
const limit = async (terms: object = {}): Promise<string> =>
  String((await asOperator('POST', '', { name: 'calls', scopes: ['PER_TENANT'], policy: ADAPTIVE, ...terms })).body.id)
const check = async (id: string, body: object = {}) =>
  (await asOperator('POST', `/${id}/check`, { tenant_id: acme.id, ...body })).body
const times = (n: number, work: () => Promise<unknown>) => Promise.all(Array.from({ length: n }, work))
/** What was seen is written, and time passes. */
const pass = async (at: string) => {
  await t.app.adjustLimits()
  t.clock.set(at)
}
/** Until every server has the limits as they are now. */
const second = () => new Promise((resolve) => setTimeout(resolve, 1_000))

test('under healthy demand a limit rises by a step after its cool-down, over the same counts, and says why', async () => {
  const id = await limit()
  await check(id)
  await pass('2026-03-01T00:00:30Z')
  await times(39, () => check(id, { observed: { latency_ms: 100 } }))
  await t.app.adjustLimits()
  await second()
  expect(await check(id, { peek: true, explain: true })).toMatchObject({
    limits: [{ limit: 11, remaining: 1, version: 1 }],
    explanation: { limits: [{ policy: { algorithm: 'FIXED_WINDOW', limit: 11 } }] },
  })
  expect((await asOperator('GET', `/${id}`)).body).toMatchObject({ level: 11, version: 1, policy: ADAPTIVE })
  const { body } = await asOperator('GET', `/${id}/adjustments`)
  expect(body).toEqual({
    data: [
      {
        id: expect.stringMatching(/^adj_/),
        version: 1,
        from: 10,
        to: 11,
        cause: 'demand',
        signals: { block_rate: 0.75, error_rate: 0, gradient: 1, provider_share: 1 },
        created_at: '2026-03-01T00:00:30Z',
      },
    ],
    next_cursor: null,
  })
})

test('a peek that tells outcomes asks nothing; errors cut the limit', async () => {
  const id = await limit()
  await check(id)
  await pass('2026-03-01T00:00:30Z')
  await times(20, () => check(id))
  await times(10, () => check(id, { peek: true, observed: { dropped: true } }))
  await t.app.adjustLimits()
  const { body } = await asOperator('GET', `/${id}/adjustments`)
  expect(body.data).toMatchObject([{ from: 10, to: 9, cause: 'errors', signals: { error_rate: 1, gradient: null } }])
})

test('servers add up what they saw, and of those that decide at once one does', async () => {
  const id = await limit()
  await check(id)
  await pass('2026-03-01T00:00:30Z')
  const servers = [1, 2, 3].map(() => adjustmentService(t.app))
  for (const server of servers) server.note(id, { ...NOTHING, asked: 10, ended: 10, dropped: 10 })
  await Promise.all(servers.map((server) => server.flush()))
  expect((await asOperator('GET', `/${id}/adjustments`)).body.data).toEqual([]) // the first to come saw 11 requests, too few to go by
  t.clock.set('2026-03-01T00:01:00Z')
  for (const server of servers) server.note(id, { ...NOTHING, asked: 10, ended: 10, dropped: 10 })
  await Promise.all(servers.map((server) => server.flush()))
  expect((await asOperator('GET', `/${id}/adjustments`)).body.data).toMatchObject([{ from: 10, to: 9, cause: 'errors' }])
})

test('adjustments are paged, the newest first; another policy begins at its base, and what was stays listed', async () => {
  const id = await limit()
  await check(id)
  for (const minute of [1, 2, 3]) {
    await pass(`2026-03-01T00:0${minute}:00Z`)
    await check(id, { observed: { provider: { retry_after_ms: 1_000 } } })
  }
  await t.app.adjustLimits()
  const first = (await asOperator('GET', `/${id}/adjustments?limit=2`)).body
  expect(first.data).toMatchObject([
    { from: 8, to: 7 },
    { from: 9, to: 8 },
  ])
  const last = (await asOperator('GET', `/${id}/adjustments?limit=2&cursor=${first.next_cursor}`)).body
  expect(last).toMatchObject({ data: [{ from: 10, to: 9 }], next_cursor: null })
  expect((await asOperator('PATCH', `/${id}`, { name: 'renamed' })).body).toMatchObject({ level: 7 })
  expect((await asOperator('PATCH', `/${id}`, { policy: { ...ADAPTIVE, base: 15 } })).body).toMatchObject({ level: null })
  expect((await asOperator('GET', `/${id}/adjustments`)).body.data).toHaveLength(3)
})

test('who is held to an override does not move the limit, nor does a dry run', async () => {
  const id = await limit({
    overrides: [{ match: { tenant_id: acme.id }, policy: { algorithm: 'FIXED_WINDOW', limit: 1, window_ms: 1_000 } }],
  })
  const plain = await limit()
  await times(30, () => check(id, { observed: { dropped: true } }))
  await times(30, () => check(plain, { dry_run: true }))
  await t.app.adjustLimits()
  const levels = await t.app.db.control.asOperator('test', (tx) =>
    tx.selectFrom('rate_limit_levels').select('limit_id').where('limit_id', 'in', [id, plain]).execute(),
  )
  expect(levels).toEqual([])
})

test("outcomes are the operator's to tell, adjustments the operator's to read, and of limits that there are", async () => {
  const id = await limit()
  const told = await t.call('POST', `/rate-limits/${id}/check`, { key: acme.key, body: { observed: { dropped: true } } })
  expect([told.status, told.body.code]).toEqual([403, 'observed_not_taken'])
  expect((await t.call('GET', `/rate-limits/${id}/adjustments`, { key: acme.key })).status).toBe(403)
  const missing = await asOperator('GET', '/rl_none/adjustments')
  expect([missing.status, missing.body.code]).toEqual([404, 'rate_limit_not_found'])
  const cursor = await asOperator('GET', `/${id}/adjustments?cursor=mine`)
  expect([cursor.status, cursor.body.code]).toEqual([400, 'cursor_invalid'])
})
