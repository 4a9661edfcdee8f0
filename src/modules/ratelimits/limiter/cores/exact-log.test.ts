import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Core } from './core.ts'
import { epochWindows, firstUseWindows, fixedWindow } from './fixed-window.ts'
import { slidingCounter } from './sliding-counter.ts'
import { slidingWindow } from './sliding-window.ts'
import { tokenBucket } from './token-bucket.ts'

interface Entry {
  readonly at: number
  readonly cost: number
}

/** Some 60 steps each. */
const RUNS = { numRuns: 1_000 }
const START = 1_700_000_000_000_000

/** Runs requests through a core; answers with what was admitted, and holds the core to what it says of waiting. */
const admit = (core: Core, requests: readonly Entry[]): Entry[] => {
  const rows = new Float64Array(core.width)
  const admitted: Entry[] = []
  for (const { at, cost } of requests) {
    core.advance(rows, 0, at)
    const fits = core.room(rows, 0, at) >= cost
    const wait = core.wait(rows, 0, at, cost)
    expect(wait === 0).toBe(fits)
    expect(wait === Number.POSITIVE_INFINITY).toBe(cost > core.limit)
    if (!fits && wait !== Number.POSITIVE_INFINITY) {
      const later = rows.slice()
      core.advance(later, 0, at + wait - 1)
      expect(core.room(later, 0, at + wait - 1)).toBeLessThan(cost)
      core.advance(later, 0, at + wait)
      expect(core.room(later, 0, at + wait)).toBeGreaterThanOrEqual(cost)
    }
    if (fits) {
      core.take(rows, 0, at, cost)
      if (cost > 0) admitted.push({ at, cost })
    }
    const rest = rows.slice()
    const reset = core.reset(rows, 0, at)
    core.advance(rest, 0, at + reset)
    expect(core.room(rest, 0, at + reset)).toBe(core.limit)
    if (reset > 0) {
      const before = rows.slice()
      core.advance(before, 0, at + reset - 1)
      expect(core.reset(before, 0, at + reset - 1)).toBeGreaterThan(0)
    }
  }
  return admitted
}

/** Bursts and pauses, at the edges of windows and off them. */
const requests = (windowUs: number): fc.Arbitrary<Entry[]> =>
  fc
    .array(
      fc.record({
        gap: fc.oneof(
          fc.constant(0),
          fc.nat(3),
          fc.nat(windowUs),
          fc.constantFrom(windowUs - 1, windowUs, windowUs + 1),
          fc.nat(3 * windowUs),
        ),
        cost: fc.oneof(fc.constant(1), fc.nat(12)),
      }),
      { maxLength: 120 },
    )
    .map((steps) => {
      let at = START
      return steps.map(({ gap, cost }) => {
        at += gap
        return { at, cost }
      })
    })

const shape = fc.record({ limit: fc.integer({ min: 0, max: 30 }), windowUs: fc.integer({ min: 1, max: 50_000 }) })
const sum = (entries: readonly Entry[]): number => entries.reduce((total, { cost }) => total + cost, 0)
const between = (log: readonly Entry[], from: number, to: number): number => sum(log.filter(({ at }) => at > from && at <= to))

test('a sliding window never holds more than the limit, whichever trailing window is looked at, and forgets within a bucket', () => {
  const input = fc
    .tuple(shape, fc.integer({ min: 10, max: 60 }))
    .chain(([policy, buckets]) => fc.tuple(fc.constant(policy), fc.constant(buckets), requests(policy.windowUs)))
  fc.assert(
    fc.property(input, ([{ limit, windowUs }, buckets, all]) => {
      const admitted = admit(slidingWindow({ limit, windowUs, buckets }), all)
      for (const { at } of admitted) expect(between(admitted, at - windowUs, at)).toBeLessThanOrEqual(limit)
      // The exact log over a window and a bucket admits nothing that the ring refuses.
      const length = Math.ceil(windowUs / buckets)
      const counted = new Set(admitted)
      let next = 0
      for (const request of all) {
        const held = between(admitted.slice(0, next), request.at - length * (buckets + 1), request.at)
        const wasAdmitted = next < admitted.length && admitted[next]?.at === request.at && admitted[next]?.cost === request.cost
        if (request.cost > 0 && held + request.cost <= limit) expect(wasAdmitted).toBe(true)
        if (wasAdmitted && request.cost > 0) next += 1
      }
      expect(next).toBe(counted.size)
    }),
    RUNS,
  )
})

test('a fixed window admits exactly what an exact log of the window admits', () => {
  const input = shape.chain((policy) => fc.tuple(fc.constant(policy), requests(policy.windowUs), fc.boolean()))
  fc.assert(
    fc.property(input, ([{ limit, windowUs }, all, byEpoch]) => {
      const endOf = byEpoch ? epochWindows(windowUs) : firstUseWindows(windowUs)
      const admitted = admit(fixedWindow({ limit, endOf }), all)
      const expected: Entry[] = []
      let [end, used] = [0, 0]
      for (const request of all) {
        if (request.at >= end) [end, used] = [0, 0]
        if (request.cost === 0 || used + request.cost > limit) continue
        if (end === 0) end = byEpoch ? (Math.floor(request.at / windowUs) + 1) * windowUs : request.at + windowUs
        used += request.cost
        expected.push(request)
      }
      expect(admitted).toEqual(expected)
    }),
    RUNS,
  )
})

test('a token bucket admits exactly what a bucket in rational numbers admits', () => {
  const input = fc
    .record({
      capacity: fc.integer({ min: 0, max: 40 }),
      tokens: fc.integer({ min: 1, max: 1_000 }),
      perUs: fc.integer({ min: 1, max: 60_000 }),
    })
    .chain((bucket) => fc.tuple(fc.constant(bucket), requests(Math.ceil(bucket.perUs / bucket.tokens) * 3)))
  fc.assert(
    fc.property(input, ([bucket, all]) => {
      const admitted = admit(tokenBucket(bucket), all)
      // Tokens times perUs, so that a microsecond refills `tokens` of them.
      const [token, full] = [BigInt(bucket.perUs), BigInt(bucket.capacity) * BigInt(bucket.perUs)]
      const expected: Entry[] = []
      let level = full
      let last = START
      for (const request of all) {
        const refilled = level + BigInt(request.at - last) * BigInt(bucket.tokens)
        level = refilled > full ? full : refilled
        last = request.at
        if (request.cost === 0 || BigInt(request.cost) * token > level) continue
        level -= BigInt(request.cost) * token
        expected.push(request)
      }
      expect(admitted).toEqual(expected)
    }),
    RUNS,
  )
})

test('the approximation says when a request fits and when a key is forgotten', () => {
  const input = shape.chain((policy) => fc.tuple(fc.constant(policy), requests(policy.windowUs)))
  fc.assert(
    fc.property(input, ([policy, all]) => {
      admit(slidingCounter(policy), all)
    }),
    RUNS,
  )
})
