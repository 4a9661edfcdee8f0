import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Entry, type ExactLog, exactLogOf } from '../../../../test/harness/exact-logs.ts'
import { describeRedis, openRedis } from '../../../../test/harness/redis.ts'
import { runs } from '../../../../test/harness/runs.ts'
import { compile } from './compile.ts'
import { type Ask, type Decision, type LimitDecision, MAX_COST } from './decision.ts'
import { memoryLimiter } from './memory/limiter.ts'
import { type Anchor, isShaper, type Policy } from './policy.ts'
import { redisLimiter } from './redis/limiter.ts'

/** A Sunday's last second before the clocks of Europe change. */
const START = Date.parse('2026-03-29T00:59:59Z') * 1_000
/** Histories that go on at once over one connection, each with keys of its own; the steps of one wait for each other. */
const LANES = 8
const STEPS = runs(100_000, 5_000)
/** A history has some 75 steps. */
const RUNS = Math.ceil(STEPS / 65 / LANES)

const whole = (min: number, max: number) => fc.integer({ min, max })
const windowMs = fc.oneof(whole(1, 50), whole(50, 100_000), fc.constantFrom(86_400_000, 31 * 86_400_000, 366 * 86_400_000))
const limit = fc.oneof(whole(0, 40), fc.constantFrom(1_000_000, 2 ** 40))
const anchor: fc.Arbitrary<Anchor> = fc.oneof(
  fc.constantFrom('epoch' as const, 'first_use' as const),
  fc.record({
    unit: fc.constantFrom('minute', 'hour', 'day', 'week', 'month'),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
  }),
)
const capacity = whole(0, 60)
const rate = fc.record({ tokens: whole(1, 100), perMs: windowMs })

const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({ algorithm: fc.constant('FIXED_WINDOW' as const), limit, windowMs, anchor }),
  fc.record({ algorithm: fc.constant('SLIDING_WINDOW' as const), limit, windowMs, buckets: whole(10, 60) }),
  // The approximation multiplies, and is exact below 2^53.
  fc.record({
    algorithm: fc.constant('SLIDING_WINDOW' as const),
    limit: whole(0, 40),
    windowMs,
    approximate: fc.constant(true),
  }),
  fc.record({
    algorithm: fc.constant('TOKEN_BUCKET' as const),
    capacity,
    refill: rate,
    mode: fc.constantFrom('even' as const, 'interval' as const),
  }),
  fc.record({
    algorithm: fc.constant('LEAKY_BUCKET' as const),
    capacity,
    leak: rate.map(({ tokens, perMs }) => ({ amount: tokens, perMs })),
    mode: fc.constantFrom('meter' as const, 'shaper' as const),
  }),
  fc.record({
    algorithm: fc.constant('COST_BASED' as const),
    limit: fc.constantFrom('0.000000000007', '0.5', '12.000000000001', '123456789012345.999999999999'),
    windowMs,
    anchor,
  }),
)

/** Of a limit, from nothing to beyond all of it. */
const cost = fc.oneof(
  fc.constant({ units: 1 }),
  fc.record({ units: fc.oneof(whole(0, 12), fc.constantFrom(0, MAX_COST)) }),
  fc.record({ tenths: whole(0, 12) }),
)
type Cost = typeof cost extends fc.Arbitrary<infer C> ? C : never
const costOf = (of: Cost, most: number): number =>
  Math.min(MAX_COST, 'units' in of ? of.units : Math.ceil((most / 10) * of.tenths))

/** Microseconds; below zero the clock steps back. */
const gap = fc.oneof(
  fc.constant(0),
  whole(1, 20_000),
  whole(1, 60_000_000),
  fc.constantFrom(3_600_000_000, 40 * 86_400_000_000),
  { weight: 2, arbitrary: whole(-5_000_000, -1) },
)
const ask = fc.record({ name: whole(0, 3), key: fc.constantFrom('a', 'b', 'c'), cost })
const step = fc.record({ gap, asks: fc.array(ask, { minLength: 1, maxLength: 4 }) })
const history = fc.record({
  policies: fc.array(policy, { minLength: 1, maxLength: 4 }),
  steps: fc.array(step, { minLength: 40, maxLength: 120, size: 'max' }),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** A limit by its definition: what each key took, and what was asked of it without taking. */
const exactly = (name: string, of: Policy) => {
  const exact = exactLogOf(of)
  const logs = new Map<string, Entry[]>()
  const looked = new Map<string, number>()
  let added = 0
  return {
    name,
    shapes: isShaper(of),
    exact,
    most: compile(of).core.limit,
    log: (key: string): readonly Entry[] => logs.get(key) ?? [],
    /**
     * Redis keeps what a request took, memory also the instant of one that took nothing, and of one that brought a new key for all others.
     * So both count alike while the clock steps back no further than that.
     */
    floor: (key: string): number => Math.max(added, looked.get(key) ?? 0),
    note(key: string, at: number, amount: number, takes: boolean): void {
      const log = logs.get(key) ?? []
      if (amount > 0 && exact.isFresh(log, at)) added = at
      if (takes && amount > 0) logs.set(key, [...log, { at, cost: amount }])
      else looked.set(key, at)
    },
  }
}

/** Holds what was said of one limit to the log: each span is the shortest, in whole milliseconds, after which what it says holds. */
const expectTold = (
  told: LimitDecision,
  { exact, most, shapes }: { exact: ExactLog; most: number; shapes: boolean },
  log: readonly Entry[],
  { now, amount, passes }: { now: number; amount: number; passes: boolean },
): void => {
  const room = exact.room(log, now)
  const fits = room >= BigInt(amount)
  const takes = passes && amount > 0
  const after = takes ? [...log, { at: now, cost: amount }] : log
  const expectShortest = (what: string, ms: number, holds: (at: number) => boolean): void => {
    expect(holds(now + ms * 1_000), `${what}, at its end`).toBe(true)
    if (ms > 0) expect(holds(now + (ms - 1) * 1_000), `${what}, before its end`).toBe(false)
  }
  const roomTold = Number(room > BigInt(Number.MAX_SAFE_INTEGER) ? BigInt(Number.MAX_SAFE_INTEGER) : room)
  expect(told.allowed).toBe(fits)
  expect(told.remaining).toBe(Math.max(0, passes ? roomTold - amount : roomTold))
  if (amount > most) expect(told.retryAfterMs).toBe(Number.POSITIVE_INFINITY)
  else expectShortest('the wait', told.retryAfterMs, (at) => exact.room(log, at) >= BigInt(amount))
  expectShortest('the reset', told.resetMs, (at) => exact.isFresh(after, at))
  if (shapes && takes) expectShortest('the delay', told.delayMs, (at) => exact.isFresh(log, at))
  else expect(told.delayMs).toBe(0)
}

describeRedis('memory, Redis and an exact log', () => {
  const { redis, prefix } = openRedis()
  const seen = { histories: 0, steps: 0, back: 0, refused: 0, several: 0 }

  const follow = async (policies: readonly Policy[], steps: readonly Step[]): Promise<void> => {
    let now = START
    const limits = Object.fromEntries(policies.map((one, i) => [`limit${i}`, one]))
    const exacts = policies.map((one, i) => exactly(`limit${i}`, one))
    const memory = memoryLimiter({ limits, now: () => now, seed: 1 })
    seen.histories += 1
    const store = redisLimiter({
      client: redis,
      prefix: `${prefix}-${seen.histories}`,
      limits,
      now: () => now,
      serverTime: () => now,
      deadlineMs: 60_000,
    })
    for (const { gap: us, asks } of steps) {
      const byLimit = new Map(asks.map((one) => [one.name % exacts.length, one]))
      const wanted = [...byLimit].flatMap(([i, { key, cost: of }]) =>
        exacts.slice(i, i + 1).map((one) => ({ one, key, amount: costOf(of, one.most) })),
      )
      const before = now
      now = Math.max(now + us, ...wanted.map(({ one, key }) => one.floor(key)))
      const requests = wanted.map(({ one, key, amount }): Ask => ({ limit: one.name, key, cost: amount }))
      const decision: Decision = memory.tryAcquireAll(requests)
      expect(await store.acquire(requests)).toEqual(decision)
      const passes = wanted.every(({ one, key, amount }) => one.exact.room(one.log(key), now) >= BigInt(amount))
      expect(decision.allowed).toBe(passes)
      expect(decision.limits).toHaveLength(wanted.length)
      for (const [i, told] of decision.limits.entries())
        for (const { one, key, amount } of wanted.slice(i, i + 1)) expectTold(told, one, one.log(key), { now, amount, passes })
      for (const { one, key, amount } of wanted) one.note(key, now, amount, passes)
      seen.steps += 1
      if (now < before) seen.back += 1
      if (!passes) seen.refused += 1
      if (wanted.length > 1) seen.several += 1
    }
  }

  test('agree step by step over any policies, several keys and limits at once, costs from 0 to beyond the limit, and clocks that step back', {
    timeout: 600_000,
  }, async () => {
    const property = () => fc.asyncProperty(history, ({ policies, steps }) => follow(policies, steps))
    await Promise.all(Array.from({ length: LANES }, () => fc.assert(property(), { numRuns: RUNS })))
    expect(seen.steps).toBeGreaterThanOrEqual(STEPS)
    expect(seen.back).toBeGreaterThan(seen.steps / 20)
    expect(seen.refused).toBeGreaterThan(seen.steps / 5)
    expect(seen.several).toBeGreaterThan(seen.steps / 5)
  })
})
