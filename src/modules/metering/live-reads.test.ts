import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { completion, meterOf } from '../../../test/harness/metering.ts'
import { anyInstant, anyUse, bruteRealtime, toInput } from '../../../test/harness/usage-brute-force.ts'
import { parseDecimal } from '../../lib/decimal.ts'
import { settableClock } from '../../platform/clock.ts'
import { pageOf } from '../../platform/http/page.ts'
import { usageReads } from './read-service.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const reads = () => usageReads({ db: database.db })

test('realtime is what the events of the last five minutes come to one by one, its first instant out and its last in', async () => {
  const fiveMinutesBefore = fc.oneof(
    fc.integer({ min: -1_000_000, max: 310_000_000 }),
    fc.constantFrom(-1, 0, 1, 299_999_999, 300_000_000),
  )
  const near = fc.array(fc.tuple(anyUse, fiveMinutesBefore), { maxLength: 40 })
  const { usage } = meterOf(database, { clock: settableClock('2026-05-01T00:00:00Z') })
  await fc.assert(
    fc.asyncProperty(near, anyInstant, async (drawn, now) => {
      const tenant = await database.createTenant()
      const uses = drawn.map(([use, microseconds]) => ({ ...use, at: now.subtract({ microseconds }) }))
      if (uses.length > 0) await usage.batch(tenant, uses.map(toInput))
      const { mean_duration_ms, p95_duration_ms, cost, ...live } = await reads().realtime(tenant, now)
      const { mean, p95, ...exact } = bruteRealtime(uses, now)
      expect({ ...live, cost: parseDecimal(cost) }).toEqual(exact)
      for (const [told, brute] of [
        [mean_duration_ms, mean],
        [p95_duration_ms, p95],
      ] as const)
        expect(told).toEqual(brute === null ? null : expect.closeTo(brute, 4))
    }),
    { numRuns: 40 },
  )
})

test('pages of events list each once that was there at the start, many of one instant, while more arrive', async () => {
  const tenant = await database.createTenant()
  const { usage } = meterOf(database)
  const some = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => completion(`${name}-${i}`, { occurred_at: `2026-03-01T10:00:0${i % 3}.000001Z` }))
  await usage.batch(tenant, some('there', 60))
  const seen: string[] = []
  let cursor: string | undefined
  for (let page = 0; page === 0 || cursor !== undefined; page += 1) {
    const { data, nextCursor } = await pageOf(
      { limit: 7, ...(cursor === undefined ? {} : { cursor }) },
      ({ limit, after }) => reads().events(tenant, { limit, after }),
      ({ occurred_at, id }) => ({ at: occurred_at, id }),
    )
    seen.push(...data.map(({ id }) => id))
    cursor = nextCursor ?? undefined
    if (page < 5) await usage.batch(tenant, some(`new${page}`, 6))
  }
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen.filter((id) => id.startsWith('there')).length).toBe(60)
})
