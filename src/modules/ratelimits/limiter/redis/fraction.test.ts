import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compile } from '../compile.ts'
import type { Policy } from '../policy.ts'
import { fraction } from './fraction.ts'

const policies: readonly Policy[] = [
  { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: 1_000 },
  { algorithm: 'SLIDING_WINDOW', limit: 101, windowMs: 1_000 },
  { algorithm: 'TOKEN_BUCKET', capacity: 99, refill: { tokens: 10, perMs: 1_000 } },
  { algorithm: 'TOKEN_BUCKET', capacity: 7, refill: { tokens: 3, perMs: 366 * 86_400_000 } },
  { algorithm: 'LEAKY_BUCKET', capacity: 50, leak: { amount: 7, perMs: 1_000 } },
  { algorithm: 'COST_BASED', limit: '10', windowMs: 1_000 },
  { algorithm: 'COST_BASED', limit: '0.000000000003', windowMs: 1_000 },
]

test('the shares of all servers together are no more than the limit, and each can be counted', () => {
  fc.assert(
    fc.property(fc.constantFrom(...policies), fc.integer({ min: 1, max: 500 }), (policy, servers) => {
      expect(compile(fraction(policy, servers)).core.limit * servers).toBeLessThanOrEqual(compile(policy).core.limit)
    }),
  )
})

test('alone a server has the whole limit', () => {
  for (const policy of policies) expect(compile(fraction(policy, 1)).core.limit).toBe(compile(policy).core.limit)
})

test('a bucket refills no faster in all servers together, where its interval can be stretched that far', () => {
  const rate = (policy: Policy) => (policy.algorithm === 'TOKEN_BUCKET' ? policy.refill.tokens / policy.refill.perMs : Number.NaN)
  const policy: Policy = { algorithm: 'TOKEN_BUCKET', capacity: 99, refill: { tokens: 10, perMs: 1_000 } }
  for (const servers of [1, 2, 3, 7, 10]) expect(rate(fraction(policy, servers)) * servers).toBeCloseTo(rate(policy), 12)
})
