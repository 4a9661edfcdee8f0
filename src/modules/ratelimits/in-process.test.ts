import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asksFor, changedLimit, type Said } from '../../../test/factories/changed-limit.ts'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { runs } from '../../../test/harness/runs.ts'
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

const ask = (policy: Policy, key: string, cost = 1, onUnavailable: OnUnavailable = 'closed') =>
  countAsk('rl_1', policy, { key, cost, onUnavailable })

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
  ['open', { fits: true, remaining: 1, retryAfterMs: 0 }],
  ['closed', { fits: false, remaining: 0, retryAfterMs: 1_000 }],
  ['local', { fits: false, remaining: 0, retryAfterMs: 1_000 }],
] as const)('when no key has room left to forget, a new one is answered %s, and says so', async (onUnavailable, told) => {
  const limiter = inProcessLimiter({ now: at().now, seed: 1, maxKeys: 2 })
  for (const key of ['a', 'b']) await limiter.decide([ask(few(2), key, 2)], { take: true })
  const [answer] = await limiter.decide([ask(few(2), 'c', 1, onUnavailable)], { take: true })
  expect(answer).toEqual({ ...told, resetMs: 0, delayMs: 0, degraded: true })
  const [tried] = await limiter.decide([ask(few(2), 'c', 1, onUnavailable)], { take: false })
  expect(tried).toMatchObject({ fits: true, remaining: 2, degraded: false })
  const [known] = await limiter.decide([ask(few(2), 'a', 1, onUnavailable)], { take: true })
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

/** One key of a limit that changes: each `take` says the version that holds by its number. */
const changing = () => {
  const clock = at(1_000_000_000)
  const limiter = inProcessLimiter({ now: clock.now, seed: 1 })
  const said: Said[] = []
  const asked = (policy: Policy, version: number, cost: number) => {
    said.splice(version - 1, said.length, { policy, sinceMs: clock.now() / 1_000 })
    return asksFor(changedLimit('rl_1', said), { tenantId: 'k' }, { atMs: clock.now() / 1_000, cost })
  }
  return {
    clock,
    limiter,
    asked,
    take: async (policy: Policy, version: number, cost: number) =>
      (await limiter.decide(asked(policy, version, cost), { take: true }))[0],
  }
}

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
  const { take } = changing()
  expect(await take(before, 1, 7)).toMatchObject({ remaining: 3 })
  expect(await take(after, 2, 0)).toMatchObject({ remaining: 3 })
  expect(await take(after, 2, 4)).toMatchObject({ fits: false })
  expect(await take(after, 2, 3)).toMatchObject({ remaining: 0 })
  expect(await take(before, 3, 1)).toMatchObject({ fits: false, remaining: 0 })
})

test('of a spend beyond what a number holds exactly all comes along', async () => {
  const { take: takeBy } = changing()
  const take = (windowMs: number, version: number, cost: number) =>
    takeBy({ algorithm: 'COST_BASED', limit: '20000', windowMs }, version, cost)
  for (let n = 0; n < 4; n += 1) await take(60_000, 1, 4e15)
  expect(await take(60_000, 1, 0)).toMatchObject({ remaining: 4e15 })
  expect(await take(90_000, 2, 0)).toMatchObject({ remaining: 4e15 })
})

test('a bucket so much larger that it is counted in other units keeps what was taken', async () => {
  const { take: takeBy } = changing()
  const take = (capacity: number, version: number, cost: number) =>
    takeBy({ algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 1, perMs: 3_600_000 } }, version, cost)
  await take(1_000_000, 1, 700_000)
  expect(await take(10_000_000, 2, 0)).toMatchObject({ remaining: 9_300_000 })
  expect(await take(1_000_000, 3, 0)).toMatchObject({ remaining: 300_000 })
})

test('another algorithm begins anew, and policies of one version never share across shapes', async () => {
  const { clock, limiter } = changing()
  const overrides = [{ match: { endpoint: 'chat' }, policy: bucket(1, 2_000) }]
  const said: Said[] = [{ policy: bucket(1, 1_000), overrides }]
  const take = async (endpoint: string) => {
    const asks = asksFor(changedLimit('rl_1', said), { tenantId: 'k', endpoint }, { atMs: clock.now() / 1_000 })
    return (await limiter.decide(asks, { take: true }))[0]
  }
  expect(await take('')).toMatchObject({ remaining: 9 })
  expect(await take('chat')).toMatchObject({ remaining: 9 })
  said.push({ policy: sliding(60_000), sinceMs: clock.now() / 1_000 })
  expect(await take('')).toMatchObject({ remaining: 9 })
})

test('a key that was reset stays so when the limit changes', async () => {
  const { asked, limiter, take } = changing()
  await take(bucket(1, 60_000), 1, 9)
  for (const ask of asked(bucket(1, 90_000), 2, 0)) await limiter.reset(ask)
  expect(await take(bucket(1, 90_000), 2, 0)).toMatchObject({ remaining: 10 })
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
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
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
    { numRuns: runs(150, 50) },
  )
})

test('a bucket made larger is remembered for as long as it takes to fill', async () => {
  const { clock, limiter, take: takeBy } = changing()
  const take = (capacity: number, cost: number) =>
    takeBy({ algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 1, perMs: 1_000 } }, capacity === 1 ? 1 : 2, cost)
  await take(1, 1)
  expect(await take(1_000, 900)).toMatchObject({ remaining: 99 })
  clock.set(clock.now() + 100_000_000)
  await limiter.decide([{ ...ask(few(1), 'k'), limitId: 'rl_2', counter: 'rl_2#another' }], { take: true })
  expect(await take(1_000, 0)).toMatchObject({ remaining: 199 })
})
