import fc from 'fast-check'
import { expect, test } from 'vitest'
import { follow, RUNS, START } from '../../../../../test/harness/core-histories.ts'
import {
  bucketLog,
  counterLog,
  type Entry,
  epochEnd,
  exactLogOf,
  firstUseEnd,
  intervalLog,
  ringLog,
  spendLog,
  windowLog,
} from '../../../../../test/harness/exact-logs.ts'
import { compile } from '../compile.ts'
import type { Policy } from '../policy.ts'
import type { CalendarUnit } from './calendar.ts'
import { evenWindows } from './debt-windows.ts'
import { epochWindows, firstUseWindows, fixedWindow } from './fixed-window.ts'
import { intervalBucket } from './interval-bucket.ts'
import { slidingCounter } from './sliding-counter.ts'
import { slidingWindow } from './sliding-window.ts'
import { spendWindow } from './spend-window.ts'
import { tokenBucket } from './token-bucket.ts'

const shape = fc.record({ limit: fc.integer({ min: 0, max: 30 }), windowUs: fc.integer({ min: 1, max: 50_000 }) })
const bucket = fc.record({
  capacity: fc.integer({ min: 0, max: 40 }),
  tokens: fc.integer({ min: 1, max: 1_000 }),
  perUs: fc.integer({ min: 1, max: 60_000 }),
})
const emission = ({ tokens, perUs }: { tokens: number; perUs: number }): number => Math.ceil(perUs / tokens) * 3

const counted = (policy: Policy) => ({ core: compile(policy).core, exact: exactLogOf(policy) })

const between = (log: readonly Entry[], from: number, to: number): number =>
  log.reduce((total, { at, cost }) => (at > from && at <= to ? total + cost : total), 0)

/** A clock that steps back stands still. */
const standing = (log: readonly Entry[]): readonly Entry[] => {
  let latest = 0
  return log.map(({ at, cost }) => {
    latest = Math.max(latest, at)
    return { at: latest, cost }
  })
}

test('a sliding window admits what a log of its buckets admits, and no trailing window ever holds more than the limit', () => {
  const policy = fc.tuple(shape, fc.integer({ min: 10, max: 60 }))
  follow(
    policy,
    ([{ limit, windowUs }, buckets]) => ({
      core: slidingWindow({ limit, windowUs, buckets }),
      exact: ringLog(BigInt(limit), windowUs, buckets),
      spanUs: windowUs,
    }),
    ([{ limit, windowUs }], asked) => {
      const log = standing(asked)
      for (const { at } of log) expect(between(log, at - windowUs, at)).toBeLessThanOrEqual(limit)
    },
  )
})

test('a sliding window refuses nothing that fits into a window and a bucket', () => {
  const policy = fc.tuple(shape, fc.integer({ min: 10, max: 60 }))
  fc.assert(
    fc.property(
      policy,
      fc.array(fc.tuple(fc.nat(10_000), fc.nat(12)), { maxLength: 120, size: 'max' }),
      ([of, buckets], asked) => {
        const core = slidingWindow({ ...of, buckets })
        const rows = new Float64Array(core.width)
        const span = Math.ceil(of.windowUs / buckets) * (buckets + 1)
        const admitted: Entry[] = []
        let at = START
        for (const [gap, cost] of asked) {
          at += gap
          core.advance(rows, 0, at)
          const fits = core.room(rows, 0, at) >= cost
          if (between(admitted, at - span, at) + cost <= of.limit) expect(fits).toBe(true)
          if (!fits) continue
          core.take(rows, 0, at, cost)
          admitted.push({ at, cost })
        }
      },
    ),
    RUNS,
  )
})

test('a fixed window admits exactly what an exact log of the window admits, by the epoch and from the first use', () => {
  follow(fc.tuple(shape, fc.boolean()), ([{ limit, windowUs }, byEpoch]) => ({
    core: fixedWindow({ limit, endOf: byEpoch ? epochWindows(windowUs) : firstUseWindows(windowUs) }),
    exact: windowLog(BigInt(limit), (byEpoch ? epochEnd : firstUseEnd)(windowUs)),
    spanUs: windowUs,
  }))
})

const MEAN_US: Readonly<Record<CalendarUnit, number>> = {
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
  week: 7 * 86_400_000_000,
  month: 30 * 86_400_000_000,
}
const calendar = fc.record({
  unit: fc.constantFrom('minute', 'hour', 'day', 'week', 'month'),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'),
})

test("windows of a calendar admit exactly what a log of the calendar's own windows admits", () => {
  follow(fc.record({ limit: fc.nat(30), anchor: calendar }), ({ limit, anchor }) => ({
    ...counted({ algorithm: 'FIXED_WINDOW', limit, anchor }),
    spanUs: MEAN_US[anchor.unit],
  }))
})

test('a token bucket admits exactly what a bucket in rational numbers admits', () => {
  follow(bucket, (of) => ({
    core: tokenBucket(of),
    exact: bucketLog(BigInt(of.capacity), of.tokens, of.perUs),
    spanUs: emission(of),
  }))
})

const leaky = fc.record({
  capacity: fc.nat(40),
  amount: fc.integer({ min: 1, max: 1_000 }),
  perMs: fc.integer({ min: 1, max: 60 }),
})

for (const mode of ['meter', 'shaper'] as const)
  test(`a leaky bucket as a ${mode} admits exactly what fits into a bucket from which water runs`, () => {
    follow(leaky, ({ capacity, amount, perMs }) => ({
      ...counted({ algorithm: 'LEAKY_BUCKET', capacity, leak: { amount, perMs }, mode }),
      spanUs: emission({ tokens: amount, perUs: perMs * 1_000 }),
    }))
  })

test('a bucket that is refilled at once admits exactly what one admits that is refilled interval by interval', () => {
  const few = fc.record({
    capacity: fc.nat(40),
    tokens: fc.integer({ min: 1, max: 50 }),
    perUs: fc.integer({ min: 1, max: 60_000 }),
  })
  follow(few, (of) => ({
    core: intervalBucket(of),
    exact: intervalLog(BigInt(of.capacity), of.tokens, of.perUs),
    spanUs: of.perUs,
  }))
})

const DOLLAR = 1_000_000_000_000
const money = fc.oneof(
  fc.nat(30).map((dollars) => BigInt(dollars) * BigInt(DOLLAR)),
  fc.constantFrom(0n, 7n, 12_000_000_000_001n, 123_456_789_012_345_999_999_999_999n),
)

test('money fits, is owed and is paid off exactly as window after window tells it', () => {
  follow(fc.tuple(money, fc.integer({ min: 1, max: 50_000 }), fc.boolean()), ([limitPico, windowUs, byEpoch]) => ({
    core: spendWindow({
      limitPico,
      windows: evenWindows(byEpoch ? epochWindows(windowUs) : firstUseWindows(windowUs), windowUs),
    }),
    exact: spendLog(limitPico, (byEpoch ? epochEnd : firstUseEnd)(windowUs)),
    spanUs: windowUs,
    unit: DOLLAR,
    owes: true,
  }))
})

test('money in windows of a calendar fits exactly where the log of the window leaves room', () => {
  follow(fc.record({ limit: fc.constantFrom('0', '7', '12.000000000001', '30'), anchor: calendar }), ({ limit, anchor }) => ({
    ...counted({ algorithm: 'COST_BASED', limit, anchor }),
    spanUs: MEAN_US[anchor.unit],
    unit: DOLLAR,
  }))
})

test('the approximation admits what its formula admits, and says when a request fits and when a key is forgotten', () => {
  follow(shape, (of) => ({ core: slidingCounter(of), exact: counterLog(BigInt(of.limit), of.windowUs), spanUs: of.windowUs }))
})
