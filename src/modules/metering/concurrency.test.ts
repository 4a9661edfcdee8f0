import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { asOwner, completion, meterOf, rollUps } from '../../../test/harness/metering.ts'
import type { TenantStatement } from '../../platform/db/database.ts'
import type { HardLimits } from './event.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const events = async (tenant: string): Promise<number> =>
  (await asOwner<{ n: number }>(database, 'select count(*)::int as n from usage_events where tenant_id = $1', [tenant]))[0]?.n ??
  -1

const commits = async (): Promise<number> =>
  Number(
    (
      await asOwner<{ n: string }>(database, `select count(distinct xmin::text) as n from usage_events where id like 'group-%'`)
    )[0]?.n,
  )

const limited = (calls: bigint): HardLimits => ({
  periodStart: Temporal.Instant.from('2026-03-01T00:00:00Z'),
  since: Temporal.Instant.from('2026-03-01T00:00:00Z'),
  periodEnd: Temporal.Instant.from('2026-04-01T00:00:00Z'),
  included: { api_calls: calls * 10n ** 12n },
})

test('20 writers of overlapping batches, in opposite orders and over the same hours, neither deadlock nor lose', async () => {
  const tenant = await database.createTenant()
  const { usage } = meterOf(database)
  const of = (writer: number) => {
    const list = Array.from({ length: 120 }, (_, i) =>
      completion(`e${(writer * 20 + i) % 300}`, { user_id: `u${i % 5}`, occurred_at: `2026-03-01T0${(i + writer) % 9}:00:00Z` }),
    )
    return writer % 2 ? list.toReversed() : list
  }
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, writer) =>
      writer % 4 === 3 ? Promise.all(of(writer).map((event) => usage.record(tenant, event))) : usage.batch(tenant, of(writer)),
    ),
  )
  expect(results).toHaveLength(20)
  expect(await events(tenant)).toBe(300)
  const { stored, recounted } = await rollUps(database)
  expect(stored).toEqual(recounted)
})

test('commits that several tenants share do not deadlock, in whatever order their records came and from two servers', async () => {
  const tenants = await Promise.all(Array.from({ length: 6 }, () => database.createTenant()))
  const { db } = database
  const failures: unknown[] = []
  const oneEach: typeof db.plane.oneEach = <R extends object>(statements: readonly TenantStatement[]) =>
    db.plane.oneEach<R>(statements).catch((error: unknown) => {
      failures.push(error) // the records would be tried again alone: the test must not miss it
      throw error
    })
  const watched = { db: { ...db, plane: { ...db.plane, oneEach } } }
  const servers = [meterOf(watched).usage, meterOf(watched).usage]
  // One server goes through the tenants upwards, the other downwards from the middle, again and again.
  const round = (r: number) =>
    servers.flatMap((usage, s) =>
      Array.from({ length: 30 }, (_, i) => usage.record(tenants[(s ? i : 5 * i + 3) % 6] ?? '', completion(`s${s}-${r}-${i}`))),
    )
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, r) => {
      await new Promise((resolve) => setTimeout(resolve, r))
      return Promise.all(round(r))
    }),
  ).then((rounds) => rounds.flat())
  expect(answers.filter(({ status }) => status === 'accepted')).toHaveLength(600)
  expect(failures).toEqual([])
  expect(await Promise.all(tenants.map(events))).toEqual([100, 100, 100, 100, 100, 100])
  const { stored, recounted } = await rollUps(database)
  expect(stored).toEqual(recounted)
})

test('statements of several tenants run in order of tenant, so that calls in opposite orders wait for each other and never deadlock', async () => {
  const [one, other] = [await database.createTenant(), await database.createTenant()]
  const { usage } = meterOf(database)
  await Promise.all([usage.record(one, completion('a')), usage.record(other, completion('a'))])
  const slow = (tenantId: string) => ({
    tenantId,
    name: 'slow',
    text: 'update usage_hours set events = events where pg_sleep(0.05) is not null returning events',
    values: [],
  })
  const { oneEach } = database.db.plane
  const answers = await Promise.all([oneEach([slow(one), slow(other)]), oneEach([slow(other), slow(one)])])
  expect(answers.flat(2)).toEqual(Array(4).fill({ events: 1n }))
})

test('200 single records at once are durable in far fewer commits', async () => {
  const tenant = await database.createTenant()
  const { usage } = meterOf(database)
  await Promise.all(Array.from({ length: 200 }, (_, i) => usage.record(tenant, completion(`group-${i}`))))
  expect(await events(tenant)).toBe(200)
  expect(await commits()).toBeLessThanOrEqual(10)
})

test('in a shared commit one tenant whose event PostgreSQL refuses fails alone', async () => {
  const [good, bad] = [await database.createTenant(), await database.createTenant()]
  const { usage } = meterOf(database)
  const [fine, refused, alsoFine] = await Promise.allSettled([
    usage.record(good, completion('1')),
    // The schema never lets this through: here it stands for anything that only PostgreSQL finds wrong.
    usage.record(bad, completion('2', { cost: 'not a number' })),
    usage.record(good, completion('3')),
  ])
  expect([fine?.status, refused?.status, alsoFine?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(fine).toMatchObject({ value: { status: 'accepted' } })
  expect([await events(good), await events(bad)]).toEqual([2, 0])
})

test('a tenant that does not exist fails alone', async () => {
  const good = await database.createTenant()
  const { usage } = meterOf(database)
  const answers = await Promise.allSettled([usage.record(good, completion('1')), usage.record('unknown', completion('1'))])
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})

test('a statement of a shared commit sees and writes rows of its own tenant only', async () => {
  const [one, other] = [await database.createTenant(), await database.createTenant()]
  await Promise.all([
    meterOf(database).usage.record(one, completion('a')),
    meterOf(database).usage.record(other, completion('b')),
  ])
  const seen = (tenantId: string) => ({ tenantId, name: 'seen', text: 'select id from usage_events order by id', values: [] })
  const rows = await database.db.plane.oneEach<{ id: string }>([seen(other), seen(one), seen(other)])
  expect(rows.map((list) => list.map(({ id }) => id))).toEqual([['b'], ['a'], ['b']])
  const foreign = { tenantId: one, name: 'foreign', text: `update usage_events set tenant_id = '${other}'`, values: [] }
  await expect(database.db.plane.oneEach([foreign])).rejects.toThrow('row-level security')
})

test('a hard stop lets in exactly what the plan includes, however many ask at once', async () => {
  const tenant = await database.createTenant()
  const limits = { [tenant]: limited(50n) }
  const servers = [meterOf(database, { limits }).usage, meterOf(database, { limits }).usage]
  const answers = await Promise.allSettled(
    Array.from({ length: 100 }, (_, i) => servers[i % 2]?.record(tenant, completion(`h${i}`)) ?? Promise.reject(new Error())),
  )
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(50)
  for (const answer of answers)
    if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ kind: 'quota', code: 'quota_exceeded' })
  expect(await events(tenant)).toBe(50)
  const used = await asOwner(database, `select used from usage_allowances where tenant_id = $1 and meter = 'api_calls'`, [tenant])
  expect(used).toEqual([{ used: '50.000000000000' }])
})

test('of a batch the events that fit are accepted, the rest are listed, and what was recorded before is no use of the plan', async () => {
  const tenant = await database.createTenant()
  const { usage } = meterOf(database, { limits: { [tenant]: limited(3n) } })
  await usage.record(tenant, completion('a'))
  const result = await usage.batch(tenant, [
    completion('a'),
    completion('b', { type: 'API_CALL', quantity: '2.5' }), // does not fit whole
    completion('c'),
    completion('c'),
    completion('d', { type: 'NETWORK_TRANSFER', quantity: 10 ** 9 }), // takes nothing from the allowance
    completion('e'),
    completion('f'),
  ])
  expect(result).toMatchObject({ accepted: 3, duplicates: 2 })
  expect(result.rejected.map(({ index, id, code }) => [index, id, code])).toEqual([
    [1, 'b', 'quota_exceeded'],
    [6, 'f', 'quota_exceeded'],
  ])
  expect(await events(tenant)).toBe(4)
})

test('a run is let in while compute time is left, and none after', async () => {
  const tenant = await database.createTenant()
  const limits = { [tenant]: { ...limited(0n), included: { compute_hours: 10n ** 12n } } }
  const { usage } = meterOf(database, { limits })
  const run = (id: string) => usage.record(tenant, { id, type: 'AGENT_EXECUTION', duration_ms: 3_599_999 })
  expect((await run('1')).status).toBe('accepted')
  expect((await run('2')).status).toBe('accepted')
  await expect(run('3')).rejects.toMatchObject({ code: 'quota_exceeded' })
})
