import fc from 'fast-check'
import { expect, test } from 'vitest'
import { counterOf } from './counter.ts'
import { inProcessLimiter } from './in-process.ts'
import type { OnUnavailable } from './limit.ts'
import { memoryLimiter } from './limiter/memory/limiter.ts'
import type { Policy } from './limiter/policy.ts'
import { PUBLISHED_CASES } from './limiter/published-cases.ts'

/** The start of a day, of an hour, of a minute. */
const START_MS = 19_675 * 86_400_000

const at = (start = 0) => {
  let now = start
  return {
    now: () => now,
    set: (us: number) => {
      now = us
    },
  }
}

const ask = (policy: Policy, key: string, cost = 1, onUnavailable: OnUnavailable = 'closed', version = 1) => ({
  limitId: 'rl_1',
  version,
  counter: counterOf('rl_1', policy),
  policy,
  key,
  cost,
  onUnavailable,
  leased: false,
})

test.each(PUBLISHED_CASES.filter(({ windows, needs }) => !windows && !needs).map((one) => [one.id, one] as const))(
  'the published case %s is met',
  async (_id, { policy, before = 0, steps }) => {
    const clock = at()
    const limiter = inProcessLimiter({ now: clock.now, seed: 1 })
    const [first] = steps
    clock.set((START_MS + (first?.[0] ?? 0)) * 1_000)
    for (let n = 0; n < before; n += 1) await limiter.decide([ask(policy, 'k')], { take: true })
    for (const [ms, cost, allowed, remaining, { reset, retry } = {}] of steps) {
      clock.set((START_MS + ms) * 1_000)
      const [answer] = await limiter.decide([ask(policy, 'k', cost)], { take: true })
      expect(answer).toMatchObject({ fits: allowed, remaining })
      if (reset !== undefined) expect(answer?.resetMs).toBe(reset)
      if (retry !== undefined) expect(answer?.retryAfterMs).toBe(retry >= 0 ? retry : allowed ? 0 : Number.POSITIVE_INFINITY)
    }
  },
)

const few = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })

test.each([
  ['open', true],
  ['closed', false],
  ['local', false],
] as const)('when no key has room left to forget, a new one is answered %s, and says so', async (onUnavailable, fits) => {
  const limiter = inProcessLimiter({ now: at().now, seed: 1, maxKeys: 2 })
  for (const key of ['a', 'b']) await limiter.decide([ask(few(1), key)], { take: true })
  const [answer] = await limiter.decide([ask(few(1), 'c', 1, onUnavailable)], { take: true })
  expect(answer).toMatchObject({ fits, degraded: true })
  const [known] = await limiter.decide([ask(few(1), 'a', 1, onUnavailable)], { take: true })
  expect(known).toMatchObject({ fits: false, degraded: false })
})

test('policies of one limit that differ in the number share what was taken, in whichever order they ask', async () => {
  const limiter = inProcessLimiter({ now: at().now, seed: 1 })
  const take = async (limit: number) => (await limiter.decide([ask(few(limit), 'k')], { take: true }))[0]
  expect(await take(5)).toMatchObject({ remaining: 4 })
  expect(await take(2)).toMatchObject({ remaining: 0 })
  expect(await take(2)).toMatchObject({ fits: false, remaining: 0 })
  expect(await take(5)).toMatchObject({ remaining: 2 })
})

test('a counter long unused is let go, and begins anew', async () => {
  const clock = at()
  const limiter = inProcessLimiter({ now: clock.now, seed: 1 })
  await limiter.decide([ask(few(1), 'k')], { take: true })
  clock.set(3_600_000_000)
  await limiter.decide([{ ...ask(few(1), 'k'), limitId: 'rl_2', counter: 'rl_2#another' }], { take: true })
  expect((await limiter.decide([ask(few(1), 'k')], { take: true }))[0]).toMatchObject({ fits: true })
})

const bucket = (tokens: number, perMs: number): Policy => ({ algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens, perMs } })
const sliding = (windowMs: number, buckets = 20): Policy => ({ algorithm: 'SLIDING_WINDOW', limit: 10, windowMs, buckets })
const spend = (windowMs: number): Policy => ({ algorithm: 'COST_BASED', limit: '0.00000000001', windowMs })
const leaky = (perMs: number): Policy => ({ algorithm: 'LEAKY_BUCKET', capacity: 10, leak: { amount: 1, perMs } })

test.each<readonly [string, Policy, Policy]>([
  ['pace of a bucket', bucket(1, 60_000), bucket(7, 3_600_001)],
  ['leak of a bucket', leaky(60_000), leaky(61_000)],
  [
    'window',
    { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 60_000 },
    { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 7_000 },
  ],
  ['window that slides', sliding(60_000), sliding(90_000, 11)],
  ['window of spend', spend(60_000), spend(90_000)],
])('what was taken stays taken under another %s', async (_name, before, after) => {
  const limiter = inProcessLimiter({ now: at(1_000_000_000).now, seed: 1 })
  const take = async (policy: Policy, version: number, cost: number) =>
    (await limiter.decide([ask(policy, 'k', cost, 'closed', version)], { take: true }))[0]
  expect(await take(before, 1, 7)).toMatchObject({ remaining: 3 })
  expect(await take(after, 2, 0)).toMatchObject({ remaining: 3 })
  expect(await take(after, 2, 4)).toMatchObject({ fits: false })
  expect(await take(after, 2, 3)).toMatchObject({ remaining: 0 })
  expect(await take(before, 3, 1)).toMatchObject({ fits: false, remaining: 0 })
})

test('of a spend beyond what a number holds exactly all comes along', async () => {
  const limiter = inProcessLimiter({ now: at(1_000_000_000).now, seed: 1 })
  const take = async (windowMs: number, version: number, cost: number) => {
    const policy: Policy = { algorithm: 'COST_BASED', limit: '20000', windowMs }
    return (await limiter.decide([ask(policy, 'k', cost, 'closed', version)], { take: true }))[0]
  }
  for (let n = 0; n < 4; n += 1) await take(60_000, 1, 4e15)
  expect(await take(60_000, 1, 0)).toMatchObject({ remaining: 4e15 })
  expect(await take(90_000, 2, 0)).toMatchObject({ remaining: 4e15 })
})

test('a bucket so much larger that it is counted in other units keeps what was taken', async () => {
  const limiter = inProcessLimiter({ now: at(1_000_000_000).now, seed: 1 })
  const take = async (capacity: number, version: number, cost: number) => {
    const policy: Policy = { algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 1, perMs: 3_600_000 } }
    return (await limiter.decide([ask(policy, 'k', cost, 'closed', version)], { take: true }))[0]
  }
  await take(1_000_000, 1, 700_000)
  expect(await take(10_000_000, 2, 0)).toMatchObject({ remaining: 9_300_000 })
  expect(await take(1_000_000, 3, 0)).toMatchObject({ remaining: 300_000 })
})

test('another algorithm begins anew, and policies of one version never share across shapes', async () => {
  const limiter = inProcessLimiter({ now: at(1_000_000_000).now, seed: 1 })
  const take = async (policy: Policy, version: number) =>
    (await limiter.decide([ask(policy, 'k', 1, 'closed', version)], { take: true }))[0]
  expect(await take(bucket(1, 1_000), 1)).toMatchObject({ remaining: 9 })
  expect(await take(bucket(1, 2_000), 1)).toMatchObject({ remaining: 9 })
  expect(await take(sliding(60_000), 2)).toMatchObject({ remaining: 9 })
})

test('a key that was reset stays so when the limit changes', async () => {
  const limiter = inProcessLimiter({ now: at(1_000_000_000).now, seed: 1 })
  await limiter.decide([ask(bucket(1, 60_000), 'k', 9)], { take: true })
  await limiter.reset(ask(bucket(1, 90_000), 'k', 0, 'closed', 2))
  const [answer] = await limiter.decide([ask(bucket(1, 90_000), 'k', 0, 'closed', 2)], { take: true })
  expect(answer).toMatchObject({ remaining: 10 })
})

const LIMITS: Readonly<Record<string, Policy>> = {
  window: { algorithm: 'FIXED_WINDOW', limit: 7, windowMs: 1_000, anchor: 'first_use' },
  ring: sliding(2_000, 10),
  bucket: bucket(3, 700),
  shaper: { algorithm: 'LEAKY_BUCKET', capacity: 10, leak: { amount: 1, perMs: 90 }, mode: 'shaper' },
  money: spend(1_500),
}
const NAMES = Object.keys(LIMITS)

test('over any limits, costs and times it answers as the embedded limiter does, step by step', async () => {
  const step = fc.record({
    gapMs: fc.nat(900),
    asks: fc.uniqueArray(fc.record({ limit: fc.constantFrom(...NAMES), key: fc.constantFrom('a', 'b'), cost: fc.nat(12) }), {
      selector: ({ limit }) => limit,
      minLength: 1,
    }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = at(1_000_000_000)
      const peer = memoryLimiter({ limits: LIMITS, now: clock.now, seed: 1 })
      const ours = inProcessLimiter({ now: clock.now, seed: 1 })
      for (const { gapMs, asks } of steps) {
        clock.set(clock.now() + gapMs * 1_000)
        const expected = peer.tryAcquireAll(asks)
        const counted = await ours.decide(
          asks.map(({ limit, key, cost }) => ({ ...ask(LIMITS[limit] ?? few(0), key, cost), limitId: limit, counter: limit })),
          { take: true },
        )
        expect(counted).toEqual(
          expected.limits.map(({ limit: _limit, allowed, ...told }) => ({ ...told, fits: allowed, degraded: false })),
        )
      }
    }),
    { numRuns: 300 },
  )
})

test('a bucket made larger is remembered for as long as it takes to fill', async () => {
  const clock = at(1_000_000_000)
  const limiter = inProcessLimiter({ now: clock.now, seed: 1 })
  const take = async (capacity: number, cost: number) => {
    const policy: Policy = { algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 1, perMs: 1_000 } }
    return (await limiter.decide([ask(policy, 'k', cost, 'closed', capacity)], { take: true }))[0]
  }
  await take(1, 1)
  expect(await take(1_000, 900)).toMatchObject({ remaining: 99 })
  clock.set(clock.now() + 100_000_000)
  await limiter.decide([{ ...ask(few(1), 'k'), limitId: 'rl_2', counter: 'rl_2#another' }], { take: true })
  expect(await take(1_000, 0)).toMatchObject({ remaining: 199 })
})
