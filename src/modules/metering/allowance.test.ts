import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { completion, meterOf } from '../../../test/harness/metering.ts'
import { settableClock } from '../../platform/clock.ts'
import type { HardLimits } from './event.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const at = (text: string): Temporal.Instant => Temporal.Instant.from(text)
const calls = (count: bigint, periodStart = '2026-03-01T00:00:00Z'): HardLimits => ({
  periodStart: at(periodStart),
  since: at(periodStart),
  periodEnd: at('2026-04-01T00:00:00Z'),
  included: { api_calls: count * 10n ** 12n },
})
const numbered = (count: number, name: string, occurred_at: string) =>
  Array.from({ length: count }, (_, i) => completion(`${name}${i}`, { occurred_at }))

test('a tenant that moves to a hard stop in mid-period brings along what the period already holds', async () => {
  const tenant = await database.createTenant()
  await meterOf(database).usage.batch(tenant, [
    ...numbered(7, 'before', '2026-02-28T23:59:59.999999Z'),
    ...numbered(3, 'edge', '2026-03-01T00:00:00Z'),
    ...numbered(4, 'later', '2026-03-01T09:30:00Z'),
    { id: 'api', type: 'API_CALL', quantity: 1, occurred_at: '2026-03-01T10:00:00Z' },
  ])
  const { usage } = meterOf(database, { limits: { [tenant]: calls(10n) } })
  const result = await usage.batch(tenant, numbered(5, 'now', '2026-03-01T11:00:00Z'))
  expect([result.accepted, result.rejected.length]).toEqual([2, 3])
})

test('however many meet the hard stop first, what the period holds is counted once', async () => {
  const tenant = await database.createTenant()
  await meterOf(database).usage.batch(tenant, numbered(20, 'paid', '2026-03-01T09:30:00Z'))
  const servers = Array.from({ length: 2 }, () => meterOf(database, { limits: { [tenant]: calls(30n) } }).usage)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, i) => servers[i % 2]?.batch(tenant, numbered(3, `w${i}-`, '2026-03-01T11:00:00Z'))),
  )
  expect(answers.reduce((sum, answer) => sum + (answer?.accepted ?? 0), 0)).toBe(10)
})

test('an event whose clock ran ahead over the period end is not counted in the next period again', async () => {
  const tenant = await database.createTenant()
  const old = meterOf(database, {
    clock: settableClock('2026-02-28T23:58:00Z'),
    limits: { [tenant]: calls(5n, '2026-02-01T00:00:00Z') },
  })
  await old.usage.batch(tenant, numbered(2, 'ahead', '2026-03-01T00:01:00Z'))
  const { usage } = meterOf(database, { limits: { [tenant]: calls(5n) } })
  expect((await usage.batch(tenant, numbered(6, 'new', '2026-03-01T00:02:00Z'))).accepted).toBe(5)
})

test('compute time of runs and of COMPUTE_TIME is brought along too', async () => {
  const tenant = await database.createTenant()
  await meterOf(database).usage.batch(tenant, [
    { id: 'seconds', type: 'COMPUTE_TIME', quantity: '1800.5', occurred_at: '2026-03-01T09:00:00Z' },
    { id: 'run', type: 'AGENT_EXECUTION', duration_ms: 1_799_500, occurred_at: '2026-03-01T09:00:00Z' },
  ])
  const limits = { [tenant]: { ...calls(0n), included: { compute_hours: 10n ** 12n } } }
  const run = meterOf(database, { limits }).usage.record(tenant, { id: 'more', type: 'CODE_EXECUTION', duration_ms: 1 })
  await expect(run).rejects.toMatchObject({ details: { meter: 'compute_hours', used: '1', limit: '1' } })
})

test('a refusal names the limit, what is used of it and when it starts anew', async () => {
  const tenant = await database.createTenant()
  const clock = settableClock('2026-03-31T23:58:59.5Z')
  const { usage } = meterOf(database, { clock, limits: { [tenant]: calls(2n) } })
  await usage.batch(tenant, numbered(2, 'a', '2026-03-31T23:00:00Z'))
  await expect(usage.record(tenant, completion('b'))).rejects.toMatchObject({
    code: 'quota_exceeded',
    details: { meter: 'api_calls', used: '2', limit: '2', resets_at: '2026-04-01T00:00:00Z', retry_after: 61 },
  })
})

test('a call that does not fit whole is refused and takes nothing', async () => {
  // billing.json quota-01: useautumn/autumn docs (balances.check), 11 required of a balance of 10 without overage
  const tenant = await database.createTenant()
  const { usage } = meterOf(database, { limits: { [tenant]: calls(10n) } })
  const call = (id: string, quantity: number) => usage.record(tenant, { id, type: 'API_CALL', quantity })
  await expect(call('eleven', 11)).rejects.toMatchObject({ code: 'quota_exceeded', details: { used: '0', limit: '10' } })
  expect((await call('ten', 10)).status).toBe('accepted')
})

test('bytes are let in while they fit whole into what is included, whenever the rest was stored; removing some is never refused', async () => {
  const tenant = await database.createTenant()
  const store = (id: string, quantity: string | number) => ({
    id,
    type: 'STORAGE_OPERATION' as const,
    quantity,
    occurred_at: '2026-03-01T11:00:00Z',
  })
  await meterOf(database).usage.batch(tenant, [{ ...store('old', 400_000_000), occurred_at: '2025-11-01T00:00:00Z' }])
  const limits = { [tenant]: { ...calls(10n), included: { storage_gb: 10n ** 12n } } }
  const { usage } = meterOf(database, { limits })
  const rejectedOf = async (...events: ReturnType<typeof store>[]) =>
    (await usage.batch(tenant, events)).rejected.map(({ id }) => id)
  expect(await rejectedOf(store('a', 600_000_000), store('b', 1), store('c', -1), store('d', '1'))).toEqual(['b'])
  await expect(usage.record(tenant, store('e', 1))).rejects.toMatchObject({
    code: 'quota_exceeded',
    details: { meter: 'storage_gb', used: '1', limit: '1' },
  })
  expect((await usage.record(tenant, store('f', -1_200_000_000))).status).toBe('accepted')
  expect(await rejectedOf(store('g', 1_200_000_000), store('h', 1))).toEqual(['h'])
})
