import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import { runs } from '../../../../../test/harness/runs.ts'
import { compile } from '../compile.ts'
import type { Ask, Decision } from '../decision.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Anchor, Policy } from '../policy.ts'
import { redisLimiter } from './limiter.ts'

/** A Sunday's last second before the clocks of Europe change. */
const START = Date.parse('2026-03-29T00:59:59Z') * 1_000
/** Of some 40 steps. `exact-agreement.test.ts` has 10^5 of both backends in CI. */
const RUNS = runs(500, 30)
const STEPS = 60

const whole = (min: number, max: number) => fc.integer({ min, max })
const windowMs = fc.oneof(whole(1, 50), whole(50, 100_000), fc.constantFrom(86_400_000, 31 * 86_400_000, 366 * 86_400_000))
const limit = fc.oneof(whole(0, 40), fc.constantFrom(1_000_000, 2 ** 40))
const calendar = fc.record({
  unit: fc.constantFrom('minute', 'hour', 'day', 'week', 'month'),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
})
const anchor: fc.Arbitrary<Anchor> = fc.oneof(fc.constant('epoch' as const), fc.constant('first_use' as const), calendar)
/** Not every large capacity can be counted exactly. */
const isCountable = (policy: Policy): boolean => {
  try {
    return compile(policy).core.width > 0
  } catch {
    return false
  }
}
const rate = fc.record({ tokens: whole(1, 100), perMs: windowMs })

/** What the short script counts, and sums that are too large for it. */
const brief: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({
    algorithm: fc.constant('FIXED_WINDOW' as const),
    limit: fc.oneof(limit, fc.constantFrom(2 ** 52, 2 ** 53 - 1)),
    windowMs,
    anchor: fc.constantFrom('epoch' as const, 'first_use' as const),
  }),
  fc
    .record({ capacity: fc.oneof(whole(0, 40), fc.constantFrom(100_000, 2 ** 33)), refill: rate })
    .map((bucket): Policy => ({ algorithm: 'TOKEN_BUCKET', ...bucket }))
    .filter(isCountable),
  fc.record({ capacity: whole(0, 40), leak: rate }).map(
    ({ capacity, leak }): Policy => ({
      algorithm: 'LEAKY_BUCKET',
      capacity,
      mode: 'shaper',
      leak: { amount: leak.tokens, perMs: leak.perMs },
    }),
  ),
)

const policies: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({ algorithm: fc.constant('FIXED_WINDOW' as const), limit, windowMs, anchor }),
  fc.record({ algorithm: fc.constant('SLIDING_WINDOW' as const), limit, windowMs, buckets: whole(10, 60) }),
  fc.record({ algorithm: fc.constant('SLIDING_WINDOW' as const), limit, windowMs, approximate: fc.constant(true) }),
  fc
    .record({ capacity: whole(0, 40), refill: rate, mode: fc.constantFrom('even' as const, 'interval' as const) })
    .map((bucket): Policy => ({ algorithm: 'TOKEN_BUCKET', ...bucket })),
  fc.record({ capacity: whole(0, 40), leak: rate, mode: fc.constantFrom('meter' as const, 'shaper' as const) }).map(
    ({ leak, ...bucket }): Policy => ({
      algorithm: 'LEAKY_BUCKET',
      ...bucket,
      leak: { amount: leak.tokens, perMs: leak.perMs },
    }),
  ),
  fc
    .record({
      limit: fc.constantFrom('0.000000000007', '0.5', '12.000000000001', '123456789012345.999999999999'),
      windowMs,
      anchor,
    })
    .map((spend): Policy => ({ algorithm: 'COST_BASED', ...spend })),
)

const cost = fc.oneof(whole(0, 12), fc.constantFrom(0, 1, 400_000_000_000, 3_000_000_000_001, 2 ** 52))
const step = fc.record({
  /** Microseconds; below zero the clock steps back. */
  gap: fc.oneof(
    fc.constant(0),
    whole(1, 20_000),
    whole(1, 60_000_000),
    fc.constantFrom(3_600_000_000, 40 * 86_400_000_000),
    whole(-5_000_000, 0),
  ),
  asks: fc.array(fc.record({ name: whole(0, 3), key: fc.constantFrom('a', 'b'), cost }), { minLength: 1, maxLength: 4 }),
})
const runOf = (policy: fc.Arbitrary<Policy>) =>
  fc.record({
    limits: fc.array(policy, { minLength: 1, maxLength: 4 }),
    steps: fc.array(step, { minLength: 20, maxLength: STEPS, size: 'max' }),
  })

const named = (policy: readonly Policy[]): Readonly<Record<string, Policy>> =>
  Object.fromEntries(policy.map((one, i) => [`limit${i}`, one]))

/** Each limit once, of those there are. */
const asksOf = (asks: readonly { name: number; key: string; cost: number }[], count: number): Ask[] => [
  ...new Map(
    asks.map(({ name, key, cost: amount }) => [name % count, { limit: `limit${name % count}`, key, cost: amount }]),
  ).values(),
]

/** The law that both backends follow, on the cores alone: all reads, then all writes if every limit allows. */
const reference = (limits: Readonly<Record<string, Policy>>) => {
  const cores = new Map(Object.entries(limits).map(([name, policy]) => [name, { core: compile(policy).core, policy }]))
  const rows = new Map<string, Float64Array>()
  const toMs = (us: number): number => Math.ceil(us / 1_000)
  return (asks: readonly Ask[], now: number): Decision => {
    const seen = asks.flatMap(({ limit: name, key, cost: amount = 1 }) => {
      const found = cores.get(name)
      if (!found) return []
      const row = Float64Array.from(rows.get(`${name} ${key}`) ?? new Float64Array(found.core.width))
      found.core.advance(row, 0, now)
      return [{ ...found, name, key, amount, row, room: found.core.room(row, 0, now) }]
    })
    const allowed = seen.every(({ room, amount }) => room >= amount)
    const limitsOf = seen.map(({ core, policy, name, key, amount, row, room }) => {
      const shapes = policy.algorithm === 'LEAKY_BUCKET' && policy.mode === 'shaper'
      const delay = allowed && amount > 0 && shapes ? core.reset(row, 0, now) : 0
      if (allowed && amount > 0) {
        core.take(row, 0, now, amount)
        rows.set(`${name} ${key}`, row)
      }
      const fits = room >= amount
      return {
        limit: name,
        allowed: fits,
        remaining: Math.max(0, allowed ? room - amount : room),
        resetMs: toMs(core.reset(row, 0, now)),
        retryAfterMs: fits ? 0 : toMs(core.wait(row, 0, now, amount)),
        delayMs: toMs(delay),
      }
    })
    return { allowed, limits: limitsOf }
  }
}

describeRedis('the script', () => {
  const { redis, prefix } = openRedis()
  let runs = 0
  const opened = (limits: Readonly<Record<string, Policy>>, now: () => number) => {
    runs += 1
    return redisLimiter({ client: redis, prefix: `${prefix}-${runs}`, limits, now, serverTime: now, deadlineMs: 10_000 })
  }

  for (const [what, run] of [
    ['any policies', runOf(policies)],
    ['token buckets and fixed windows', runOf(brief)],
  ] as const)
    test(`says what the cores say, step by step, over ${what}, costs and clocks`, { timeout: 600_000 }, () =>
      fc.assert(
        fc.asyncProperty(run, async ({ limits, steps }) => {
          let now = START
          const all = named(limits)
          const [limiter, expected] = [opened(all, () => now), reference(all)]
          for (const { gap, asks } of steps) {
            now += gap
            const wanted = asksOf(asks, limits.length)
            expect(await limiter.acquire(wanted)).toEqual(expected(wanted, now))
          }
        }),
        { numRuns: RUNS },
      ),
    )

  test('says what memory says, step by step', { timeout: 600_000 }, () =>
    fc.assert(
      fc.asyncProperty(runOf(policies), async ({ limits, steps }) => {
        let now = START
        // Memory lets go of what is over when it looks, Redis when it takes: the clock steps back no further than the last look that took nothing.
        let looked = 0
        const all = named(limits)
        const limiter = opened(all, () => now)
        const memory = memoryLimiter({ limits: all, now: () => now, seed: 1 })
        for (const { gap, asks } of steps) {
          now = Math.max(now + gap, looked)
          const wanted = asksOf(asks, limits.length).map((ask) => ({ ...ask, key: 'only' }))
          const decision = memory.tryAcquireAll(wanted)
          expect(await limiter.acquire(wanted)).toEqual(decision)
          if (!decision.allowed || wanted.some((ask) => ask.cost === 0)) looked = now
        }
      }),
      { numRuns: RUNS },
    ),
  )

  test.each([
    ['Australia/Lord_Howe', '2026-04-04T13:00:00Z', 15],
    ['Pacific/Chatham', '2026-04-04T12:15:00Z', 15],
    ['Pacific/Chatham', '2026-09-26T12:15:00Z', 15],
  ])('counts by the hours of %s through a change of its clock as memory does', async (timeZone, iso, allowed) => {
    let now = Date.parse(iso) * 1_000
    const all = named([{ algorithm: 'FIXED_WINDOW', limit: 3, anchor: { unit: 'hour', timeZone } }])
    const [limiter, memory] = [opened(all, () => now), memoryLimiter({ limits: all, now: () => now, seed: 1 })]
    let passed = 0
    for (let i = 0; i < 48; i += 1, now += 5 * 60_000_000) {
      const decision = await limiter.acquire([{ limit: 'limit0', key: 'a' }])
      expect(decision).toEqual(memory.tryAcquireAll([{ limit: 'limit0', key: 'a' }]))
      passed += decision.allowed ? 1 : 0
    }
    expect(passed).toBe(allowed)
  })

  test('holds, settles, releases, lets expire and gives back as memory does', { timeout: 600_000 }, () => {
    const act = fc.record({
      gap: fc.oneof(fc.constant(0), whole(1, 20_000), whole(1, 60_000_000)),
      what: fc.constantFrom('reserve', 'settle', 'release', 'giveBack', 'acquire'),
      id: fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8'),
      ttlMs: fc.oneof(whole(1, 20), whole(1, 30_000), whole(1, 600_000), fc.constant(366 * 86_400_000)),
      costs: fc.array(
        cost.filter((amount) => amount < 2 ** 50),
        { minLength: 4, maxLength: 4 },
      ),
    })
    const acts = fc.record({
      limits: fc.array(fc.oneof(policies, brief), { minLength: 1, maxLength: 3 }),
      steps: fc.array(act, { minLength: 10, maxLength: STEPS, size: 'max' }),
    })
    return fc.assert(
      fc.asyncProperty(acts, async ({ limits, steps }) => {
        let now = START
        const all = named(limits)
        const names = Object.keys(all)
        const limiter = opened(all, () => now)
        const memory = memoryLimiter({ limits: all, now: () => now, seed: 1 })
        const seen = new Set<string>()
        for (const { gap, what, id, costs, ttlMs } of steps) {
          now += gap
          const asks = names.map((name, i) => ({ limit: name, key: 'only', cost: costs[i] ?? 1 }))
          const truths = Object.fromEntries(names.slice(1).map((name, i) => [name, costs[3 - i] ?? 1]))
          if (what === 'settle') expect(await limiter.settle(id, truths)).toEqual(memory.settle(id, truths))
          if (what === 'release') expect(await limiter.release(id)).toEqual(memory.release(id))
          if (what === 'reserve' && !seen.has(id)) {
            const decision = memory.tryReserve(id, asks, ttlMs)
            expect(await limiter.reserve(id, asks, ttlMs)).toEqual(decision)
            if (decision.allowed) seen.add(id)
          }
          if (what === 'giveBack')
            for (const { limit, cost: amount } of asks) {
              memory.giveBack(limit, 'only', amount)
              await limiter.giveBack(limit, 'only', amount)
            }
          const looks = asks.map((ask) => ({ ...ask, cost: what === 'acquire' ? ask.cost : 0 }))
          expect(await limiter.acquire(looks)).toEqual(memory.tryAcquireAll(looks))
        }
      }),
      { numRuns: RUNS },
    )
  })
})
