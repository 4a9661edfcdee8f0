import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { runs } from '../../../test/harness/runs.ts'
import type { CountAsk } from './counting.ts'
import { inProcessLimiter } from './in-process.ts'
import type { Policy } from './limiter/policy.ts'
import { keptFrom, policyAt, type Reserve } from './reserved-share.ts'

const RESERVED: readonly Reserve[] = [
  { minPriority: 5, percent: 20 },
  { minPriority: 9, percent: 10 },
]
const window = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })

test.each<readonly [number, number, number]>([
  [100, 0, 30],
  [100, 4, 30],
  [100, 5, 10],
  [100, 8, 10],
  [100, 9, 0],
  [100, 100, 0],
  [0, 0, 0],
  [1, 0, 1], // rounded up: what is promised is there
  [7, 0, 3],
  [Number.MAX_SAFE_INTEGER, 0, 2_702_159_776_422_298], // of 2^53 - 1, 30 % is 2702159776422297.3
])('of %i a request of priority %i is kept from %i', (limit, priority, kept) => {
  expect(keptFrom(window(limit), RESERVED, priority)).toBe(kept)
})

test('a policy is the same object for the same priority, and itself where nothing is kept', () => {
  const policy = window(100)
  expect(policyAt(policy, RESERVED, 0)).toBe(policyAt(policy, RESERVED, 1))
  expect(policyAt(policy, RESERVED, 5)).toEqual(window(90))
  expect(policyAt(policy, RESERVED, 9)).toBe(policy)
  const money: Policy = { algorithm: 'COST_BASED', limit: '1', windowMs: 1 }
  expect(policyAt(money, RESERVED, 0)).toBe(money)
})

const RESERVABLE: readonly Policy[] = [
  { algorithm: 'FIXED_WINDOW', limit: 20, windowMs: 1_000 },
  { algorithm: 'SLIDING_WINDOW', limit: 20, windowMs: 1_000, buckets: 10 },
  { algorithm: 'SLIDING_WINDOW', limit: 20, windowMs: 1_000, approximate: true },
  { algorithm: 'TOKEN_BUCKET', capacity: 20, refill: { tokens: 7, perMs: 500 } },
  { algorithm: 'TOKEN_BUCKET', capacity: 20, refill: { tokens: 7, perMs: 500 }, mode: 'interval' },
  { algorithm: 'LEAKY_BUCKET', capacity: 20, leak: { amount: 7, perMs: 500 } },
]

/** A policy's counts as a request of each priority meets them. */
const stand = (policy: Policy) => {
  let us = 0
  const limiter = inProcessLimiter({ now: () => us, seed: 1 })
  const ask = (priority: number, cost: number): CountAsk => countAsk('l', policyAt(policy, RESERVED, priority), { cost })
  return {
    travel: (ms: number) => {
      us += ms * 1_000
    },
    decide: async (priority: number, cost: number, take = true) => {
      const [answer] = await limiter.decide([ask(priority, cost)], { take })
      if (!answer) throw new Error('no answer')
      return answer
    },
  }
}

test.each(RESERVABLE)(
  'under $algorithm lower priorities are refused once what remains is within the reserve, to the unit',
  async (policy) => {
    const { decide } = stand(policy)
    expect(await decide(0, 14)).toMatchObject({ fits: true, remaining: 0 }) // of 20, 4 and 2 are kept
    expect(await decide(0, 1)).toMatchObject({ fits: false, remaining: 0 })
    expect(await decide(5, 5)).toMatchObject({ fits: false, remaining: 4 })
    expect(await decide(5, 0, false)).toMatchObject({ fits: true, remaining: 4 })
    expect(await decide(5, 4, false)).toMatchObject({ fits: true })
    expect(await decide(5, 4)).toMatchObject({ fits: true, remaining: 0 })
    expect(await decide(9, 3)).toMatchObject({ fits: false, remaining: 2 })
    expect(await decide(0, 0, false)).toMatchObject({ fits: false, remaining: 0 }) // a look tells that a request would be refused
    expect(await decide(9, 2)).toMatchObject({ fits: true, remaining: 0 })
    expect(await decide(0, 15)).toMatchObject({ fits: false, retryAfterMs: Number.POSITIVE_INFINITY })
  },
)

test.each(RESERVABLE)(
  'under $algorithm all priorities count as one: a request passes if and only if it and its reserve fit',
  async (policy) => {
    const step = fc.record({ priority: fc.constantFrom(0, 5, 9), cost: fc.nat(8), take: fc.boolean(), ms: fc.nat(300) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const [mixed, whole] = [stand(policy), stand(policy)]
        for (const { priority, cost, take, ms } of steps) {
          mixed.travel(ms)
          whole.travel(ms)
          const { remaining } = await whole.decide(9, 0, false)
          const kept = keptFrom(policy, RESERVED, priority)
          const fits = cost + kept <= remaining
          const answer = await mixed.decide(priority, cost, take)
          expect(answer.fits).toBe(fits)
          expect(answer.remaining).toBe(Math.max(0, remaining - kept - (fits && take ? cost : 0)))
          if (fits && take) await whole.decide(9, cost)
        }
      }),
      { numRuns: runs(40, 15) },
    )
  },
)
