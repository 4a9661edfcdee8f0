import { expect, test } from 'vitest'
import type { Policy } from '../policy.ts'
import { blockSize } from './block-size.ts'
import { leaseRule } from './lease-rule.ts'

const SECOND = 1_000_000

test('a fixed window is counted as it is; a block ends with its window, and goes back while a second is left', () => {
  const policy: Policy = { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: 60_000 }
  const rule = leaseRule(policy, 0.02)
  expect(rule).toMatchObject({ counted: policy, most: 20, targetUs: 6 * SECOND })
  const endUs = rule.endOf(100 * SECOND, 30_001)
  expect(endUs).toBe(130 * SECOND)
  const block = { tokens: 7, bornUs: 100 * SECOND, endUs }
  expect(rule.creditOf(block, 129 * SECOND - 1)).toBe(7)
  expect(rule.creditOf(block, 129 * SECOND)).toBe(0)
  expect(rule.unheardUntil(100 * SECOND)).toBe((100 + 67.5 + 1) * SECOND)
})

test('what was taken unheard is lost for the longest month that there is', () => {
  const anchor = { unit: 'month', timeZone: 'Europe/Berlin' } as const
  const rule = leaseRule({ algorithm: 'FIXED_WINDOW', limit: 1_000, anchor }, 0.02)
  // October, whose last Sunday has an hour more.
  expect(rule.unheardUntil(0)).toBeGreaterThan((31 * 24 + 1) * 3_600 * SECOND)
})

test('a sliding window is counted by two lives of a block and a second longer', () => {
  const policy: Policy = { algorithm: 'SLIDING_WINDOW', limit: 1_000, windowMs: 60_000 }
  const rule = leaseRule(policy, 0.01)
  expect(rule.counted).toEqual({ ...policy, windowMs: 60_000 + 2 * 600 + 1_000 })
  expect(rule.most).toBe(10)
  expect(rule.endOf(0, 99_999)).toBe(0.6 * SECOND)
  expect(rule.creditOf({ tokens: 7, bornUs: 0, endUs: 600_000 }, 599_999)).toBe(7)
  expect(rule.creditOf({ tokens: 7, bornUs: 0, endUs: 600_000 }, 600_000)).toBe(0)
  expect(rule.unheardUntil(0)).toBe((62.2 * 1.1 + 1) * SECOND)
})

test('a token bucket is counted by a smaller one, and what has refilled meanwhile is not given back', () => {
  const policy: Policy = { algorithm: 'TOKEN_BUCKET', capacity: 1_000, refill: { tokens: 2, perMs: 1_000 } }
  const rule = leaseRule(policy, 0.02)
  // Twenty tokens refill in ten seconds; the one more is a tick's.
  expect(rule).toMatchObject({ counted: { ...policy, capacity: 1_000 - 21 }, most: 20 })
  expect(rule.endOf(0, 99_999)).toBe(10 * SECOND)
  const block = { tokens: 20, bornUs: 0, endUs: 10 * SECOND }
  expect(rule.creditOf(block, 2 * SECOND)).toBe(13)
  expect(rule.creditOf(block, 9 * SECOND)).toBe(0)
  expect(rule.unheardUntil(0)).toBe(11 * SECOND)
})

test('a leaky meter is leased as a bucket', () => {
  const rule = leaseRule({ algorithm: 'LEAKY_BUCKET', capacity: 1_000, leak: { amount: 2, perMs: 1_000 } }, 0.02)
  expect(rule.counted).toMatchObject({ algorithm: 'LEAKY_BUCKET', capacity: 979 })
})

const refused: readonly (readonly [what: string, policy: Policy, share: number])[] = [
  ['money cannot be leased', { algorithm: 'COST_BASED', limit: '5', windowMs: 1_000 }, 0.02],
  ['a shaper', { algorithm: 'LEAKY_BUCKET', capacity: 1_000, leak: { amount: 1, perMs: 1_000 }, mode: 'shaper' }, 0.02],
  ['by intervals', { algorithm: 'TOKEN_BUCKET', capacity: 1_000, refill: { tokens: 1, perMs: 10 }, mode: 'interval' }, 0.02],
  ['an approximate window', { algorithm: 'SLIDING_WINDOW', limit: 1_000, windowMs: 60_000, approximate: true }, 0.02],
  ['a leased sliding window is 10000', { algorithm: 'SLIDING_WINDOW', limit: 1_000, windowMs: 9_999 }, 0.02],
  ['is refilled within', { algorithm: 'TOKEN_BUCKET', capacity: 1_000, refill: { tokens: 10_000, perMs: 1_000 } }, 0.02],
  ['less than two tokens', { algorithm: 'FIXED_WINDOW', limit: 99, windowMs: 60_000 }, 0.02],
  ['share is 0.2', { algorithm: 'FIXED_WINDOW', limit: 99, windowMs: 60_000 }, 0.2],
  ['share is NaN', { algorithm: 'FIXED_WINDOW', limit: 99, windowMs: 60_000 }, Number.NaN],
  ['windowMs is -1', { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: -1 }, 0.02],
]
for (const [what, policy, share] of refused)
  test(`is refused in words: ${what}`, () => {
    expect(() => leaseRule(policy, share)).toThrow(what)
  })

test('a block is what the key is expected to use, no more than eight times what it did, and none near exhaustion', () => {
  const use = { asked: 100, elapsedUs: SECOND, targetUs: SECOND / 2, most: 1_000, free: 1_000, remaining: 50_000 }
  expect(blockSize(use)).toBe(50)
  expect(blockSize({ ...use, elapsedUs: 1 })).toBe(800)
  expect(blockSize({ ...use, elapsedUs: 1, free: 300 })).toBe(300)
  expect(blockSize({ ...use, remaining: 4_000 })).toBe(50)
  expect(blockSize({ ...use, remaining: 3_999 })).toBe(0)
  expect(blockSize({ ...use, remaining: undefined })).toBe(0)
})
