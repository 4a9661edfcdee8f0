import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'
import { rateLimitJobs } from './jobs.ts'
import { lockViolations } from './violation-bound-store.ts'
import { violationService } from './violation-service.ts'
import { addTotals } from './violation-store.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ at: '2026-03-01T10:59:00Z' })
  acme = await t.tenant()
})
afterAll(() => t.close())

const limit = async (terms: object = {}): Promise<string> => {
  const policy = { algorithm: 'FIXED_WINDOW', limit: 0, window_ms: 60_000 }
  const body = { name: 'calls', scopes: ['PER_TENANT', 'PER_USER'], policy, ...terms }
  return String((await t.call('POST', '/rate-limits', { key: t.operatorKey, body })).body.id)
}
const check = (id: string, body: object) => t.call('POST', `/rate-limits/${id}/check`, { key: acme.key, body })
const list = async (query: string) => (await t.call('GET', `/rate-limits/violations?${query}`, { key: t.operatorKey })).body

test('what was refused is listed by hour, endpoint and key, and sums over flushes and servers', async () => {
  t.clock.set('2026-03-01T10:59:00Z')
  const id = await limit()
  for (const user_id of ['ada', 'ada', 'bob']) await check(id, { user_id, endpoint: 'POST /v1/chat' })
  await check(id, { user_id: 'bob' })
  await t.app.flushViolations()
  const other = violationService(t.app)
  const answer = await t.app.services.rateChecks.usage({ kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) }, id, {
    tenantId: acme.id,
    userId: 'ada',
  })
  other.violated(answer, { endpoint: 'POST /v1/chat' })
  await Promise.all([other.flush(), t.app.flushViolations()])
  t.clock.set('2026-03-01T11:00:00Z')
  await check(id, { user_id: 'ada' })
  await t.app.flushViolations()
  const ada = `tenant=${acme.id}|user=ada`
  const { data } = await list(`limit_id=${id}`)
  expect(data).toEqual([
    {
      limit_id: id,
      name: 'calls',
      scopes: ['PER_TENANT', 'PER_USER'],
      hour: '2026-03-01T11:00:00Z',
      refused: 1,
      would_refuse: 0,
      endpoints: [{ endpoint: '', refused: 1, would_refuse: 0 }],
      top_keys: [{ key: ada, seen: 1, overcount: 0 }],
    },
    {
      limit_id: id,
      name: 'calls',
      scopes: ['PER_TENANT', 'PER_USER'],
      hour: '2026-03-01T10:00:00Z',
      refused: 5,
      would_refuse: 0,
      endpoints: [
        { endpoint: 'POST /v1/chat', refused: 4, would_refuse: 0 },
        { endpoint: '', refused: 1, would_refuse: 0 },
      ],
      top_keys: [
        { key: ada, seen: 3, overcount: 0 },
        { key: `tenant=${acme.id}|user=bob`, seen: 2, overcount: 0 },
      ],
    },
  ])
})

test('made-up endpoints take two hundred rows an hour, over flushes and servers; the sum stays exact, and a heavy one its own', async () => {
  t.clock.set('2026-03-01T09:00:00Z')
  const id = await limit()
  const operator = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) } as const
  const answer = await t.app.services.rateChecks.usage(operator, id, { tenantId: acme.id, userId: 'ada' })
  const servers = [violationService(t.app), violationService(t.app)]
  for (let flush = 0; flush < 4; flush += 1) {
    for (const [i, server] of servers.entries()) {
      for (let n = 0; n < 3; n += 1) server.violated(answer, { endpoint: 'POST /v1/chat' })
      for (let n = 0; n < 250; n += 1) server.violated(answer, { endpoint: `GET /made-up/${flush}-${i}-${n}` })
    }
    await Promise.all(servers.map((server) => server.flush()))
    const rows = await t.app.db.control.asOperator('count rows', (tx) =>
      tx.selectFrom('rate_limit_violations').select('endpoint').where('limit_id', '=', id).execute(),
    )
    expect(rows).toHaveLength(201)
  }
  const made = 4 * 2 * 250
  expect((await list(`limit_id=${id}`)).data).toMatchObject([
    {
      refused: made + 24,
      endpoints: [
        { endpoint: '(others)', refused: made - 199 },
        { endpoint: 'POST /v1/chat', refused: 24 },
        ...Array(18).fill({ refused: 1 }),
      ],
    },
  ])
})

test('while another server is frozen as it writes, a flush gives up, and nothing that it held is lost', async () => {
  t.clock.set('2026-03-01T13:00:00Z')
  const id = await limit()
  const frozen = Promise.withResolvers<void>()
  const holds = Promise.withResolvers<void>()
  const other = t.app.db.control.asOperator('be frozen', async (tx) => {
    await lockViolations(tx)
    holds.resolve()
    await frozen.promise
  })
  await holds.promise
  for (let n = 0; n < 2; n += 1) {
    await check(id, { user_id: 'ada' })
    await expect(t.app.flushViolations()).rejects.toThrow('lock timeout')
  }
  frozen.resolve()
  await other
  await check(id, { user_id: 'ada' })
  await t.app.flushViolations()
  expect((await list(`limit_id=${id}`)).data).toMatchObject([
    { refused: 3, top_keys: [{ key: `tenant=${acme.id}|user=ada`, seen: 3, overcount: 0 }] },
  ])
}, 20_000)

test('a limit changes while what it refused is being written', async () => {
  const id = await limit()
  const written = Promise.withResolvers<void>()
  const holds = Promise.withResolvers<void>()
  const other = t.app.db.control.asOperator('be frozen', async (tx) => {
    await addTotals(tx, [{ limitId: id, hour: 1, endpoint: '', refused: 1, wouldRefuse: 0 }])
    holds.resolve()
    await written.promise
  })
  await holds.promise
  const changed = t.call('PATCH', `/rate-limits/${id}`, { key: t.operatorKey, body: { name: 'changed' } })
  const first = await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 5_000))])
  written.resolve()
  await other
  expect(first).toMatchObject({ status: 200, body: { name: 'changed' } })
}, 20_000)

test('a shadow is counted apart; what only looks is not counted', async () => {
  t.clock.set('2026-03-01T12:00:00Z')
  const id = await limit({ mode: 'shadow' })
  await check(id, { user_id: 'ada' })
  await check(id, { user_id: 'ada', dry_run: true })
  await check(id, { user_id: 'ada', peek: true })
  await t.app.flushViolations()
  expect((await list(`limit_id=${id}`)).data).toMatchObject([{ refused: 0, would_refuse: 1 }])
})

test('hours are found by scope, key, endpoint and time, and page without gap or repeat', async () => {
  t.clock.set('2026-03-02T00:00:00Z')
  const ids = [await limit(), await limit({ scopes: ['PER_TENANT'] }), await limit()]
  for (const id of ids) await check(id, { user_id: 'eve', endpoint: 'GET /a' })
  await check(String(ids[0]), { user_id: 'mallory', endpoint: 'GET /b' })
  await t.app.flushViolations()
  const day = 'from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z'
  const of = async (query: string) => [(await list(`${day}&${query}`)).data].flat().map((row) => Object(row).limit_id)
  expect(await of('')).toEqual(ids.toSorted().reverse())
  expect(await of('scope=PER_USER')).toEqual([ids[2], ids[0]])
  expect(await of(`key=${encodeURIComponent(`tenant=${acme.id}|user=mallory`)}`)).toEqual([ids[0]])
  expect((await list(`${day}&endpoint=${encodeURIComponent('GET /b')}`)).data).toMatchObject([{ limit_id: ids[0], refused: 1 }])
  expect(await of('scope=GLOBAL')).toEqual([])
  const first = await list(`${day}&limit=2`)
  const second = await list(`${day}&limit=2&cursor=${first.next_cursor}`)
  expect([first.data, second.data].flat(2).map((row) => Object(row).limit_id)).toEqual(ids.toSorted().reverse())
})

test('keys that are too long, and differ where they are cut, are written as one', async () => {
  t.clock.set('2026-03-04T00:00:00Z')
  const id = await limit()
  const before = `tenant=${acme.id}|user=`
  // Each % is written as three characters; the 500th is the first half of the pair that follows.
  const user = 'x'.repeat((499 - before.length) % 3) + '%'.repeat((499 - before.length) / 3)
  for (const last of ['\u{1f600}', '\u{1f923}']) await check(id, { user_id: user + last })
  await t.app.flushViolations()
  const { data } = await list(`limit_id=${id}`)
  expect(data).toMatchObject([{ refused: 2, top_keys: [{ key: expect.stringMatching(/%25\ufffd$/), seen: 2 }] }])
})

test('violations are kept for ninety days', async () => {
  t.clock.set('2026-03-05T00:00:00Z')
  const id = await limit()
  await check(id, { user_id: 'ada' })
  await t.app.flushViolations()
  const [job] = rateLimitJobs(t.app)
  t.clock.set('2026-06-02T23:00:00Z')
  await job?.run()
  expect((await list(`limit_id=${id}`)).data).toHaveLength(1)
  t.clock.set('2026-06-03T01:00:00Z')
  await job?.run()
  expect((await list(`limit_id=${id}`)).data).toEqual([])
})
