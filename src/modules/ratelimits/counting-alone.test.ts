import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { counterOf } from './counter.ts'
import type { CountAsk } from './counting.ts'
import { countingAlone } from './counting-alone.ts'
import type { OnUnavailable } from './limit.ts'
import type { Policy } from './limiter/policy.ts'

const DAY = 86_400_000
const POLICIES: readonly Policy[] = [
  { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: DAY },
  { algorithm: 'SLIDING_WINDOW', limit: 101, windowMs: DAY },
  { algorithm: 'TOKEN_BUCKET', capacity: 99, refill: { tokens: 10, perMs: DAY } },
  { algorithm: 'LEAKY_BUCKET', capacity: 50, leak: { amount: 7, perMs: DAY } },
  { algorithm: 'COST_BASED', limit: '0.00000000003', windowMs: DAY },
]
const MOST = [100, 101, 99, 50, 30]

const ask = (policy: Policy, cost = 1, onUnavailable: OnUnavailable = 'local'): CountAsk =>
  countAsk(`rl_${onUnavailable}`, policy, { cost, onUnavailable })

const stand = (servers: number) => {
  let live = servers
  const limiter = countingAlone({ now: () => 1_000_000_000, seed: 1, liveServers: () => live })
  const one = async (policy: Policy, cost?: number) => (await limiter.decide([ask(policy, cost)], { take: true }))[0]
  return {
    limiter,
    one,
    admitted: async (policy: Policy): Promise<number> => {
      let count = 0
      while ((await one(policy))?.fits) count += 1
      return count
    },
    becomes: (count: number) => {
      live = count
    },
  }
}

test('the shares of all servers together are no more than the limit, however often their number changes', async () => {
  const policies = fc.nat(POLICIES.length - 1)
  const counts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12, size: 'max' })
  await fc.assert(
    fc.asyncProperty(policies, counts, async (at, numbers) => {
      const [policy, most] = [POLICIES[at] as Policy, MOST[at] as number]
      const s = stand(1)
      let taken = 0
      for (const [turn, servers] of numbers.entries()) {
        s.becomes(servers)
        const count = await s.admitted(policy)
        if (turn === 0) expect(count).toBe(Math.floor(most / servers))
        taken += count * servers
      }
      expect(taken).toBeLessThanOrEqual(most)
    }),
  )
})

test('what only the whole limit holds may be asked for again; what it never holds may not; what is left is told of the share', async () => {
  const { one } = stand(3)
  const [policy] = POLICIES as readonly [Policy]
  expect(await one(policy, 30)).toMatchObject({ fits: true, remaining: 3, degraded: true })
  expect(await one(policy, 34)).toMatchObject({ fits: false, remaining: 3, retryAfterMs: 1_000 })
  expect(await one(policy, 101)).toMatchObject({ fits: false, retryAfterMs: Number.POSITIVE_INFINITY })
})

test('what is more money than can be weighed is refused, and nothing is taken beside it', async () => {
  const { limiter, one } = stand(2)
  const money: Policy = { algorithm: 'COST_BASED', limit: '1000000', windowMs: DAY }
  const [policy] = POLICIES as readonly [Policy]
  const both = [ask(money, 2 ** 51 + 1), { ...ask(policy, 50), limitId: 'rl_2', counter: counterOf('rl_2', policy) }]
  expect(await limiter.decide(both, { take: true })).toMatchObject([{ fits: false, retryAfterMs: 1_000 }, { fits: true }])
  const [, second] = both
  expect(second && (await limiter.decide([second], { take: true }))).toMatchObject([{ fits: true, remaining: 0 }])
  expect(await one(money, 2 ** 51)).toMatchObject({ fits: true })
})

test('a look and a dry run take nothing of the share', async () => {
  const { limiter } = stand(2)
  const [policy] = POLICIES as readonly [Policy]
  expect(await limiter.decide([ask(policy, 50)], { take: false })).toMatchObject([{ fits: true, remaining: 50 }])
  expect(await limiter.decide([ask(policy, 0)], { take: true })).toMatchObject([{ fits: true, remaining: 50 }])
})
