import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { completion, meterOf } from '../../../test/harness/metering.ts'
import { anyPeriod, anyUse, bruteSums, bruteTotals, toInput, type Use, within } from '../../../test/harness/usage-brute-force.ts'
import { parseDecimal } from '../../lib/decimal.ts'
import type { Period } from '../../lib/period.ts'
import { settableClock } from '../../platform/clock.ts'
import { EVENT_TYPES } from './event.ts'
import { GROUPS, type GroupBy, type GroupSums, MAX_GROUPS, type Sums } from './load-summary.ts'
import { usageReads } from './read-service.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const at = (text: string): Temporal.Instant => Temporal.Instant.from(text)
const meter = () => meterOf(database, { clock: settableClock('2026-05-01T00:00:00Z') }).usage
const reads = () => usageReads({ db: database.db })

const recorded = async (uses: readonly Use[]): Promise<string> => {
  const tenant = await database.createTenant()
  expect((await meter().batch(tenant, uses.map(toInput))).accepted).toBe(uses.length)
  return tenant
}
const anyUses = fc.array(anyUse, { minLength: 1, maxLength: 60 })

test('totals of any periods are what the events sum to one by one, storage weighted by time and carried in', async () => {
  await fc.assert(
    fc.asyncProperty(anyUses, fc.array(anyPeriod, { minLength: 1, maxLength: 8 }), async (uses, periods) => {
      const totals = await reads().totals(await recorded(uses), periods)
      expect(totals).toEqual(periods.map((period) => bruteTotals(uses, period)))
    }),
    { numRuns: 40 },
  )
})

const keyOf = (groupBy: GroupBy, zone: string) => (use: Use) => {
  const local = use.at.toZonedDateTimeISO(zone)
  if (groupBy === 'hour') return use.at.round({ smallestUnit: 'hour', roundingMode: 'floor' }).toString()
  if (groupBy === 'day') return local.startOfDay().toInstant().toString()
  if (groupBy === 'month') return local.with({ day: 1 }).startOfDay().toInstant().toString()
  return { provider: use.provider, model: use.model, user: use.user, type: use.type }[groupBy] ?? null
}

const told = ({ cost, ...sums }: Sums) => ({ ...sums, cost: parseDecimal(cost) })
const toldOf = ({ value: _, ...sums }: GroupSums) => told(sums)

test('a summary of any period, in any groups, of all types or one, in zones of half hours too, is what the events sum to one by one', async () => {
  const zones = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'Asia/Beirut', // 29 March 2026 begins at one o'clock
    'Asia/Kolkata',
    'America/St_Johns',
    'Asia/Kathmandu',
    '+05:30', // to POSIX that is west
  )
  await fc.assert(
    fc.asyncProperty(
      anyUses,
      anyPeriod,
      zones,
      fc.option(fc.constantFrom(...EVENT_TYPES), { nil: undefined, freq: 1 }),
      async (uses, period, timeZone, type) => {
        const tenant = await recorded(uses)
        const inside = uses.filter(within(period)).filter((use) => type === undefined || use.type === type)
        for (const groupBy of GROUPS) {
          const { total, groups } = await reads().summary(tenant, { ...period, groupBy, timeZone, type })
          expect(told(total)).toEqual(bruteSums(inside))
          const expected = Map.groupBy(inside, keyOf(groupBy, timeZone))
          expect(new Map(groups.map((group) => [group.value, toldOf(group)]))).toEqual(
            new Map([...expected].map(([value, list]) => [value, bruteSums(list)])),
          )
        }
      },
    ),
    { numRuns: 25 },
  )
})

test('groups come dearest first, hours, days and months in their order', async () => {
  const tenant = await database.createTenant()
  const cost = (id: string, user_id: string, occurred_at: string, usd: string) =>
    completion(id, { user_id, occurred_at, cost: usd })
  await meter().batch(tenant, [
    cost('a', 'cheap', '2026-03-03T00:00:00Z', '1'),
    cost('b', 'dear', '2026-03-01T00:00:00Z', '2'),
    cost('c', 'dear', '2026-03-02T00:00:00Z', '9'),
  ])
  const period = { start: at('2026-03-01T00:00:00Z'), end: at('2026-04-01T00:00:00Z'), timeZone: 'UTC' }
  const values = async (groupBy: GroupBy) =>
    (await reads().summary(tenant, { ...period, groupBy })).groups.map(({ value }) => value)
  expect(await values('user')).toEqual(['dear', 'cheap'])
  expect(await values('day')).toEqual(['2026-03-01T00:00:00Z', '2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z'])
})

const STORED = (id: string, quantity: string, occurred_at: string) =>
  ({ id, type: 'STORAGE_OPERATION', quantity, occurred_at }) as const
const GB = 10n ** 12n

test('a level that is set where the period starts is held all along', async () => {
  // billing.json weighted_sum-03: getlago/lago-api weighted_sum_service_spec.rb, 1000 from the period's start is 1000
  const tenant = await database.createTenant()
  await meter().record(tenant, STORED('a', '1000000000000', '2026-02-01T00:00:00Z'))
  const february = { start: at('2026-02-01T00:00:00Z'), end: at('2026-03-01T00:00:00Z') }
  expect((await reads().totals(tenant, [february]))[0]?.storageGb).toBe(1_000n * GB)
})

test('levels are weighted by how long they are held, on top of what was carried in', async () => {
  // billing.json weighted_sum-02: getlago/lago-api weighted_sum_service_spec.rb, 16.5 unit hours of August's 744 on 1000 carried in are 1000.02218
  const tenant = await database.createTenant()
  const deltas = [
    ['00:00', 2],
    ['01:00', 3],
    ['01:30', 1],
    ['02:00', -4],
    ['04:00', -2],
    ['05:00', 10],
    ['05:30', -10],
  ] as const
  const usage = meterOf(database, { clock: settableClock('2026-09-01T00:00:00Z') }).usage
  await usage.batch(tenant, [
    STORED('carried', '1000000000000', '2026-07-31T23:59:59Z'),
    ...deltas.map(([time, delta]) => STORED(time, String(delta * 10 ** 9), `2026-08-01T${time}:00Z`)),
  ])
  const august = { start: at('2026-08-01T00:00:00Z'), end: at('2026-09-01T00:00:00Z') }
  expect((await reads().totals(tenant, [august]))[0]?.storageGb).toBe(1_000_022_177_419_355n)
})

test('an event exactly on the border of two periods counts in the later one, once', async () => {
  // billing.json windows-06: getlago/lago-api prorated_aggregations/sum_service_spec.rb, an event on the period's start counts once
  const tenant = await database.createTenant()
  await meter().record(tenant, completion('border', { occurred_at: '2026-03-01T10:30:00Z' }))
  const [before, after] = await reads().totals(tenant, [
    { start: at('2026-02-01T10:30:00Z'), end: at('2026-03-01T10:30:00Z') },
    { start: at('2026-03-01T10:30:00Z'), end: at('2026-04-01T10:30:00Z') },
  ])
  expect([before?.apiCalls, after?.apiCalls]).toEqual([0n, GB])
})

test('the day on which clocks go back has 25 hours', async () => {
  // billing.json windows-02: openmeterio/openmeter e2e_test.go, America/Los_Angeles on 2025-11-02
  const tenant = await database.createTenant()
  const first = at('2025-11-01T07:00:00Z')
  await meter().batch(
    tenant,
    Array.from({ length: 73 }, (_, i) => completion(`h${i}`, { occurred_at: first.add({ hours: i }).toString() })),
  )
  const query = { start: first, end: first.add({ hours: 73 }), groupBy: 'day', timeZone: 'America/Los_Angeles' } as const
  const { groups } = await reads().summary(tenant, query)
  expect(groups.map(({ value, events }) => [value, events])).toEqual([
    ['2025-11-01T07:00:00Z', 24n],
    ['2025-11-02T07:00:00Z', 25n],
    ['2025-11-03T08:00:00Z', 24n],
  ])
})

test('a day whose midnight comes twice begins at the first', async () => {
  const tenant = await database.createTenant()
  const [first, second] = ['2025-11-02T04:30:00Z', '2025-11-02T05:30:00Z'] // 0:30 in Havana, before and after clocks go back
  await meter().batch(tenant, [completion('a', { occurred_at: first }), completion('b', { occurred_at: second })])
  const period = { start: at('2025-11-02T00:00:00Z'), end: at('2025-11-03T00:00:00Z') }
  const { groups } = await reads().summary(tenant, { ...period, groupBy: 'day', timeZone: 'America/Havana' })
  expect(groups.map(({ value, events }) => [value, events])).toEqual([['2025-11-02T04:00:00Z', 2n]])
})

test('a summary says that groups were left out only when some were', async () => {
  const tenant = await database.createTenant()
  const hours = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const occurred_at = at('2026-03-01T00:00:00Z')
        .add({ hours: from + i })
        .toString()
      return completion(occurred_at, { occurred_at })
    })
  const query = { start: at('2026-03-01T00:00:00Z'), end: at('2026-05-01T00:00:00Z'), groupBy: 'hour', timeZone: 'UTC' } as const
  const told = async () => {
    const { groups, truncated } = await reads().summary(tenant, query)
    return [groups.length, truncated]
  }
  await meter().batch(tenant, hours(0, MAX_GROUPS))
  expect(await told()).toEqual([MAX_GROUPS, false])
  await meter().batch(tenant, hours(MAX_GROUPS, 1))
  expect(await told()).toEqual([MAX_GROUPS, true])
})

test('one stream by hour and by day sums to the same', async () => {
  // billing.json windows-03: openmeterio/openmeter e2e_test.go, 20 events of 100: HOUR 1000, 500, 500; DAY 1500, 500
  const tenant = await database.createTenant()
  const times = ['2026-03-01T10:00:00Z', '2026-03-01T10:05:00Z', '2026-03-01T11:00:00Z', '2026-03-02T10:00:00Z']
  const customers = ['c1', 'c2', 'c3', 'c4', 'c5']
  await meter().batch(
    tenant,
    customers.flatMap((user_id) =>
      times.map((occurred_at) => completion(user_id + occurred_at, { user_id, occurred_at, input_tokens: 100 })),
    ),
  )
  const period: Period = { start: at('2026-03-01T00:00:00Z'), end: at('2026-03-03T00:00:00Z') }
  const by = async (groupBy: GroupBy) =>
    (await reads().summary(tenant, { ...period, groupBy, timeZone: 'UTC' })).groups.map(({ input_tokens }) =>
      Number(input_tokens),
    )
  expect(await by('hour')).toEqual([1_000, 500, 500])
  expect(await by('day')).toEqual([1_500, 500])
})

test('of two events with one id and different types the first is kept', async () => {
  // billing.json dedupe-02: openmeterio/openmeter dedupe_test.go. Its key is source and id; ours is (tenant, id): a source is part of the id.
  const tenant = await database.createTenant()
  const usage = meter()
  await usage.record(tenant, completion('a'))
  expect((await usage.record(tenant, { id: 'a', type: 'API_CALL' })).status).toBe('duplicate')
  const events = await reads().events(tenant, { limit: 10, after: undefined })
  expect(events.map(({ type }) => type)).toEqual(['LLM_COMPLETION'])
})
