import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'
import type { Database } from '../../platform/db/database.ts'
import { unavailable } from '../../platform/errors.ts'
import { askerOf } from './asker.ts'
import { adjustmentService } from './index.ts'

let t: TestApp
let acme: TestTenant
let globex: TestTenant
let initech: TestTenant
beforeAll(async () => {
  t = await testApp()
  acme = await t.tenant()
  globex = await t.tenant()
  initech = await t.tenant()
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
/** A server that adjusts limits, and the limits that it could not adjust. */
const serverOver = (db: Pick<Database, 'control'> = t.app.db) => {
  const failures: string[] = []
  const service = adjustmentService({
    db,
    clock: t.app.clock,
    ids: t.app.ids,
    failed: (limitId) => {
      failures.push(limitId)
    },
  })
  const sees = (id: string, dropped: number): void => {
    const asker = askerOf({ id, current: { scopes: ['GLOBAL'] } }, {}, 'global')
    for (let i = 0; i < dropped; i += 1) {
      service.asked(id, asker, false)
      service.ended(id, { dropped: true })
    }
  }
  return { ...service, sees, failures }
}
const changesOf = async (id: string) => (await asOperator('GET', `/${id}/adjustments`)).body.data
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
  await times(40, () => check(id, { tenant_id: globex.id }))
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
  const servers = [1, 2, 3].map(() => serverOver())
  for (const server of servers) server.sees(id, 10)
  await Promise.all(servers.map((server) => server.flush()))
  expect((await asOperator('GET', `/${id}/adjustments`)).body.data).toEqual([]) // the first to come saw 11 requests, too few to go by
  t.clock.set('2026-03-01T00:01:00Z')
  for (const server of servers) server.sees(id, 10)
  await Promise.all(servers.map((server) => server.flush()))
  expect((await asOperator('GET', `/${id}/adjustments`)).body.data).toMatchObject([{ from: 10, to: 9, cause: 'errors' }])
})

test('a tenant that hammers its own key moves nothing for the others; many that are refused do', async () => {
  const id = await limit()
  await check(id)
  await pass('2026-03-01T00:00:30Z')
  const outcomes = () => times(20, () => check(id, { peek: true, observed: { latency_ms: 100 } }))
  const own = (tenant: TestTenant) => t.call('POST', `/rate-limits/${id}/check`, { key: tenant.key, body: {} })
  await times(100, () => own(acme))
  for (const tenant of [globex, initech]) await times(10, () => own(tenant))
  await outcomes()
  await t.app.adjustLimits()
  expect(await changesOf(id)).toEqual([])
  t.clock.set('2026-03-01T00:01:00Z')
  for (const tenant of [acme, globex, initech]) await times(10, () => own(tenant))
  await outcomes()
  await t.app.adjustLimits()
  expect(await changesOf(id)).toMatchObject([{ from: 10, to: 11, cause: 'demand', signals: { block_rate: 1 } }])
})

test('a provider that refuses within the cool-down is heeded at its end, by whichever server comes then', async () => {
  const id = await limit()
  await check(id)
  await pass('2026-03-01T00:00:10Z')
  await check(id, { peek: true, observed: { provider: { retry_after_ms: 1_000 } } })
  await pass('2026-03-01T00:00:29.999Z')
  await check(id)
  await pass('2026-03-01T00:00:30Z')
  expect(await changesOf(id)).toEqual([])
  const other = serverOver()
  other.ended(id, { latencyMs: 100 })
  await other.flush()
  expect(await changesOf(id)).toMatchObject([{ from: 10, to: 9, cause: 'provider_refused' }])
})

const levelOf = (id: string) =>
  t.app.db.control.asOperator('test', (tx) =>
    tx.selectFrom('rate_limit_levels').select('state').where('limit_id', '=', id).executeTakeFirstOrThrow(),
  )
const setState = (id: string, state: unknown) =>
  t.app.db.control.asOperator('test', (tx) =>
    tx
      .updateTable('rate_limit_levels')
      .set({ state: JSON.stringify(state) })
      .where('limit_id', '=', id)
      .execute(),
  )

test('a limit that cannot be adjusted keeps no other from it, and what it saw counts once it can be', async () => {
  const [first, broken, last] = [await limit(), await limit(), await limit()]
  for (const id of [first, broken, last]) await check(id)
  await pass('2026-03-01T00:00:30Z')
  const { state } = await levelOf(broken)
  await setState(broken, {})
  const server = serverOver()
  for (const id of [first, broken, last]) server.sees(id, 25)
  await server.flush()
  expect(server.failures).toEqual([broken])
  for (const id of [first, last]) expect(await changesOf(id)).toMatchObject([{ to: 9, cause: 'errors' }])
  server.sees(broken, 1)
  await server.flush()
  expect(server.failures).toEqual([broken, broken])
  await check(broken, { peek: true, observed: { latency_ms: 100 } })
  await t.app.adjustLimits()
  const metrics = await t.app.http.app.inject({ method: 'GET', url: '/metrics' })
  expect(metrics.body).toContain('\nrate_limit_adjustments_failed_total 1\n')
  await setState(broken, state)
  server.ended(broken, { latencyMs: 100 })
  await server.flush()
  // 26 of 27 that ended were dropped: all that it saw while it could not be adjusted is among them.
  expect(await changesOf(broken)).toMatchObject([{ to: 9, signals: { error_rate: 26 / 27 } }])
})

test('without the database all wait, none loses what it saw, and who met the fault does not keep the others from the next turn', async () => {
  const [first, second] = [await limit(), await limit()]
  for (const id of [first, second]) await check(id)
  await pass('2026-03-01T00:00:30Z')
  let faults = 2
  const server = serverOver({
    control: {
      ...t.app.db.control,
      asOperator: (reason, work, ...rest) => {
        faults -= 1
        return faults >= 0
          ? Promise.reject(unavailable('database_unavailable', 'away'))
          : t.app.db.control.asOperator(reason, work, ...rest)
      },
    },
  })
  for (const id of [first, second]) server.sees(id, 25)
  await expect(server.flush()).rejects.toThrow('away')
  await expect(server.flush()).rejects.toThrow('away')
  expect(server.failures).toEqual([first, second])
  server.ended(first, { latencyMs: 100 })
  await server.flush()
  expect(await changesOf(first)).toMatchObject([{ to: 9, signals: { error_rate: 25 / 26 } }])
  expect(await changesOf(second)).toMatchObject([{ to: 9, signals: { error_rate: 1 } }])
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
