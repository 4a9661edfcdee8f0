import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AdaptivePolicy } from './adaptive-policy.ts'
import { type AdaptiveState, adaptive, type Change } from './decide.ts'
import type { Observation } from './observation.ts'

const POLICY: AdaptivePolicy = { base: 100, minimum: 10, maximum: 1_000, adjustmentFactor: 0.1, cooldownMs: 1_000 }
const HEALTHY: Observation = { asked: 1_000, blocked: 100, ended: 900, dropped: 0, latencyMs: 20 }
const TIGHT: Observation = { ...HEALTHY, blocked: 300, ended: 700 }
const IDLE: Observation = { ...HEALTHY, blocked: 0, ended: 1_000 }

/** Decides by one observation after the other, a cool-down apart. */
const stand = (policy: Partial<AdaptivePolicy> = {}) => {
  const limit = adaptive({ ...POLICY, ...policy })
  let [now, state]: [number, AdaptiveState] = [0, limit.start(0)]
  const see = (seen: Observation, afterMs = 1_000): Change | undefined => {
    now += afterMs
    const decided = limit.decide(state, seen, now)
    state = decided.state
    return decided.change
  }
  see(HEALTHY)
  return { see, current: () => state.current, state: () => state }
}

describe('the specification’s rule', () => {
  test('a block rate above 20 % in a healthy system raises, and the change is recorded with its cause', () => {
    const { see, current } = stand()
    const signals = { blockRate: 0.3, errorRate: 0, gradient: 1, providerShare: 1 }
    expect(see(TIGHT)).toEqual({ atMs: 2_000, from: 100, to: 110, cause: 'demand', signals })
    expect(current()).toBe(110)
  })

  test('a block rate from 5 % to 20 % changes nothing', () => {
    for (const blocked of [50, 100, 200]) expect(stand().see({ ...HEALTHY, blocked, ended: 1_000 - blocked })).toBeUndefined()
  })

  test('a block rate below 5 % lets the limit return to its base, from above and from below', () => {
    const { see, current } = stand()
    see(TIGHT)
    expect(see(IDLE)).toMatchObject({ from: 110, to: 100, cause: 'underused' })
    expect(see(IDLE)).toBeUndefined()
    see({ ...HEALTHY, dropped: 300 })
    expect(current()).toBe(90)
    expect(see(IDLE)).toMatchObject({ cause: 'recovery' })
  })

  test('the block rate of those who ask counts where it is told, and for one alone a limit grows to its base at most', () => {
    const { see } = stand()
    expect(see({ ...TIGHT, demand: { blockRate: 0.1, isOfOne: false } })).toBeUndefined()
    expect(see({ ...TIGHT, demand: { blockRate: 0.9, isOfOne: true } })).toBeUndefined()
    expect(see({ ...TIGHT, dropped: 300 })).toMatchObject({ from: 100, to: 90 })
    expect(see({ ...TIGHT, demand: { blockRate: 0.9, isOfOne: true } })).toMatchObject({ from: 90, to: 95, cause: 'demand' })
    expect(stand().see({ ...HEALTHY, demand: { blockRate: 0.9, isOfOne: false } })).toMatchObject({
      to: 110,
      signals: { blockRate: 0.9 },
    })
  })

  test('a limit of a few does not step out of the band on its other side', () => {
    const { see } = stand({ base: 2, minimum: 1 })
    const grown = see({ ...TIGHT })
    expect(grown).toMatchObject({ from: 2, to: 3 })
    expect(see(IDLE)).toBeUndefined()
  })
})

describe('stress', () => {
  test.each<[string, Observation]>([
    ['errors', { ...TIGHT, dropped: 36 }],
    ['latency', { ...TIGHT, latencyMs: 41 }],
    ['provider_refused', { ...TIGHT, provider: { retryAfterMs: 5_000 } }],
    ['provider_nearly_exhausted', { ...TIGHT, provider: { limit: 100, remaining: 4 } }],
  ])('%s cuts by the adjustment factor, whatever is asked for', (cause, seen) => {
    expect(stand().see(seen)).toMatchObject({ from: 100, to: 90, cause })
    expect(stand().see({ ...seen, blocked: 0 })).toMatchObject({ from: 100, to: 90, cause })
  })

  test('a cut that began goes on until the system is calm, not only until it is no longer under stress', () => {
    const { see } = stand()
    expect(see({ ...TIGHT, dropped: 20 })).toBeUndefined()
    expect(see({ ...TIGHT, dropped: 40 })).toMatchObject({ from: 100, to: 90, cause: 'errors' })
    expect(see({ ...TIGHT, dropped: 20 })).toMatchObject({ from: 90, to: 81, cause: 'errors' })
    expect(see({ ...TIGHT, dropped: 10 })).toMatchObject({ from: 81, to: 85, cause: 'demand' })
    expect(see({ ...TIGHT, dropped: 20 })).toBeUndefined()
  })

  test('what is near stress is not grown into', () => {
    const near: Partial<Observation>[] = [{ dropped: 20 }, { latencyMs: 35 }, { provider: { limit: 100, remaining: 8 } }]
    for (const part of near) expect(stand().see({ ...TIGHT, ...part })).toBeUndefined()
  })

  test('a limit never leaves its minimum and maximum', () => {
    const { see, current } = stand({ maximum: 115 })
    for (let i = 0; i < 5; i += 1) see(TIGHT)
    expect(current()).toBe(115)
    for (let i = 0; i < 50; i += 1) see({ ...TIGHT, dropped: 700 })
    expect(current()).toBe(10)
  })

  test('after stress the limit looks for its edge by halves, and does not run into it again', () => {
    const { see, current } = stand({ base: 200 })
    expect(see({ ...TIGHT, dropped: 100 })).toMatchObject({ from: 200, to: 180 })
    expect(see(TIGHT)).toMatchObject({ from: 180, to: 190 })
    expect(see(TIGHT)).toMatchObject({ from: 190, to: 195 })
    expect(see(TIGHT)).toBeUndefined()
    expect(current()).toBe(195)
  })
})

describe('a provider', () => {
  test('that refused is not asked for more before its Retry-After is over', () => {
    const { see } = stand()
    see({ ...TIGHT, provider: { retryAfterMs: 60_000 } })
    for (let i = 0; i < 59; i += 1) expect(see(TIGHT)).toBeUndefined()
    expect(see(TIGHT)).toMatchObject({ cause: 'demand' })
  })

  test('that refused within a cool-down cuts at its end, once, though nothing is told of it then', () => {
    const { see } = stand()
    expect(see(TIGHT)).toMatchObject({ from: 100, to: 110, cause: 'demand' })
    expect(see({ ...TIGHT, provider: { retryAfterMs: 100 } }, 400)).toBeUndefined()
    expect(see({ ...TIGHT, provider: { retryAfterMs: 100 } }, 400)).toBeUndefined()
    expect(see({ asked: 0, blocked: 0, ended: 0, dropped: 0 }, 200)).toMatchObject({
      from: 110,
      to: 100,
      cause: 'provider_refused',
    })
    expect(see(TIGHT)).toMatchObject({ from: 100, to: 105, cause: 'demand' })
  })

  test('with a lower limit is come down to by steps, and not passed again', () => {
    const { see, current } = stand()
    const seen = { ...TIGHT, provider: { limit: 85, remaining: 50 } }
    expect(see(seen)).toMatchObject({ from: 100, to: 90, cause: 'provider_limit' })
    for (let i = 0; i < 20; i += 1) see(seen)
    expect(current()).toBe(85)
  })
})

describe('timeouts', () => {
  test('AD13: constant ones never grow the limit, whatever is asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 1, max: 60_000 }), (blocked, latencyMs) => {
        const { see, current } = stand()
        const ended = 1_000 - blocked
        for (let i = 0, last = current(); i < 100; i += 1, last = current()) {
          see({ asked: 1_000, blocked, ended, dropped: ended, latencyMs })
          expect(current()).toBeLessThanOrEqual(last)
        }
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  test('that nobody counts as errors are known by their length', () => {
    const { see, current } = stand({ timeoutMs: 5_000 })
    for (let i = 0; i < 100; i += 1) see({ ...TIGHT, latencyMs: 5_000 })
    expect(current()).toBe(10)
    expect(stand({ timeoutMs: 5_000 }).see({ ...TIGHT, latencyMs: 5_000 })).toMatchObject({ cause: 'timeout' })
  })

  test('without any answer nothing grows', () => {
    const { latencyMs: _, ...silent } = TIGHT
    expect(stand().see({ ...silent, ended: 0 })).toBeUndefined()
  })
})

test('a system that became slower for good is not throttled for ever, and lasting overload does not come to look like health', () => {
  const { see, current, state } = stand()
  const slower = { ...TIGHT, latencyMs: 60 }
  for (let i = 0; i < 20; i += 1) see(slower)
  expect(state().baselineMs).toBe(20)
  for (let i = 0; i < 200; i += 1) see(slower)
  expect(current()).toBeGreaterThan(100)
})

test('an overload that was there from the beginning is known by the latency that the policy tells', () => {
  expect(stand().see(TIGHT)).toMatchObject({ cause: 'demand' })
  expect(stand({ easyMs: 9 }).see(TIGHT)).toMatchObject({ cause: 'latency' })
})

test('a cool-down lies between two changes, and a few requests change nothing', () => {
  const { see } = stand()
  expect(see(TIGHT)).toBeDefined()
  expect(see(TIGHT, 999)).toBeUndefined()
  expect(see({ ...TIGHT, dropped: 700 }, 0)).toBeUndefined()
  expect(see(TIGHT, 1)).toBeDefined()
  expect(see({ asked: 19, blocked: 19, ended: 0, dropped: 0 })).toBeUndefined()
})

test('a clock that steps back by a year delays a change by a cool-down at most', () => {
  const { see } = stand()
  see({ ...TIGHT, provider: { retryAfterMs: 2_000 } })
  see(TIGHT, -365 * 86_400_000)
  see(TIGHT)
  expect(see(TIGHT)).toMatchObject({ cause: 'demand' })
})

test('a policy that leaves the limit outside is followed at once', () => {
  const grown = { ...adaptive(POLICY).start(0), current: 900 }
  const { change } = adaptive({ ...POLICY, maximum: 200 }).decide(grown, HEALTHY, 1)
  expect(change).toMatchObject({ atMs: 1, from: 900, to: 200, cause: 'policy' })
})

const odd = fc.oneof(fc.integer({ min: -5, max: 2_000 }), fc.double({ max: 1e9 }), fc.constant(Number.NaN))
const observations = fc.record(
  {
    asked: fc.nat(2_000),
    blocked: fc.nat(2_000),
    ended: fc.nat(2_000),
    dropped: fc.nat(2_000),
    latencyMs: odd,
    provider: fc.record({ limit: odd, remaining: odd, retryAfterMs: odd }, { requiredKeys: [] }),
  },
  { requiredKeys: ['asked', 'blocked', 'ended', 'dropped'] },
)

test('whatever is observed, the limit stays whole and between its bounds, moves by a step at most, and each move is recorded', () => {
  const seenAt = fc.array(fc.tuple(observations, fc.integer({ min: -5_000, max: 5_000 })), { maxLength: 60, size: 'max' })
  fc.assert(
    fc.property(seenAt, fc.integer({ min: 10, max: 1_000 }), (seen, base) => {
      const { see, current } = stand({ base })
      for (const [one, afterMs] of seen) {
        const from = current()
        const change = see(one, afterMs)
        expect(Number.isSafeInteger(current()) && current() >= 10 && current() <= 1_000).toBe(true)
        expect(Math.abs(current() - from)).toBeLessThanOrEqual(Math.max(1, Math.floor(from * 0.1)))
        expect([change?.from ?? from, change?.to ?? from]).toEqual([from, current()])
      }
    }),
    { seed: 3, numRuns: 500 },
  )
})

test.each([
  { minimum: 0 },
  { base: 9 },
  { maximum: 99 },
  { base: 100.5 },
  { adjustmentFactor: 0 },
  { adjustmentFactor: 0.16 },
  { cooldownMs: 0 },
  { timeoutMs: 0 },
  { easyMs: 0 },
  { easyMs: 50, timeoutMs: 50 },
])('%o is refused with the number that is wrong', (wrong) => {
  expect(() => adaptive({ ...POLICY, ...wrong })).toThrow(RangeError)
})
