import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PolicyError } from '../compile.ts'
import type { Policy } from '../policy.ts'
import { memoryLimiter } from './limiter.ts'

const START_US = 19_675 * 86_400_000_000
const cents = (n: number): number => n * 10_000_000_000

const stand = (it: Policy, maxKeys = 1_000) => {
  let us = START_US
  const limiter = memoryLimiter({ limits: { it, other: it }, maxKeys, now: () => us, seed: 1 })
  return {
    limiter,
    wait: (ms: number) => {
      us += ms * 1_000
    },
  }
}

const fixed = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })
const token = (capacity: number): Policy => ({ algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 10, perMs: 1_000 } })
const leaky = (mode: 'meter' | 'shaper'): Policy => ({
  algorithm: 'LEAKY_BUCKET',
  capacity: 5,
  leak: { amount: 1, perMs: 1_000 },
  mode,
})

describe('a number that changes while requests come', () => {
  test('holds at once, of its limit alone, and what was taken stays taken', () => {
    const { limiter } = stand(fixed(10))
    limiter.tryAcquire('it', 'k', 6)
    limiter.setPolicy('it', fixed(8))
    expect(limiter.tryAcquire('it', 'k', 0).remaining).toBe(2)
    limiter.setPolicy('it', fixed(4))
    expect(limiter.tryAcquire('it', 'k')).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 60_000 })
    limiter.setPolicy('it', fixed(20))
    expect(limiter.tryAcquire('it', 'k', 14)).toMatchObject({ allowed: true, remaining: 0 })
    expect(limiter.tryAcquire('other', 'k', 0).remaining).toBe(10)
  })

  test('admits of all that is asked never more than the largest number of the window that runs', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(9)), { minLength: 1, maxLength: 60 }), (steps) => {
        const { limiter } = stand(fixed(10))
        let taken = 0
        for (const [limit, cost] of steps) {
          limiter.setPolicy('it', fixed(limit))
          const { allowed } = limiter.tryAcquire('it', 'k', cost)
          expect(allowed).toBe(taken + cost <= limit)
          if (allowed) taken += cost
        }
      }),
    )
  })

  test('keeps its reservations: they are settled over the counts that they were made in', () => {
    const { limiter, wait } = stand(token(10))
    limiter.tryReserve('r', [{ limit: 'it', key: 'k', cost: 8 }], 60_000)
    limiter.setPolicy('it', token(20))
    wait(100)
    limiter.settle('r', { it: 3 })
    expect(limiter.tryAcquire('it', 'k', 0).remaining).toBe(18)
  })

  test('of money leaves debt what it was', () => {
    const spend = (limit: string): Policy => ({ algorithm: 'COST_BASED', limit, windowMs: 60_000 })
    const { limiter, wait } = stand(spend('1'))
    limiter.tryReserve('r', [{ limit: 'it', key: 'k', cost: cents(100) }], 60_000)
    limiter.settle('r', { it: cents(250) })
    limiter.setPolicy('it', spend('0.50'))
    wait(60_000)
    expect(limiter.tryAcquire('it', 'k', 1)).toMatchObject({ allowed: false, remaining: 0 })
    limiter.setPolicy('it', spend('3'))
    expect(limiter.tryAcquire('it', 'k', 0).remaining).toBe(cents(150))
  })

  test('of a key that was refused under the least of them is not forgotten for a new key’s sake', () => {
    const { limiter } = stand(fixed(10), 1)
    limiter.tryAcquire('it', 'spent', 10)
    limiter.setPolicy('it', fixed(11))
    expect(limiter.tryAcquire('it', 'new').allowed).toBe(false)
    expect(limiter.tryAcquire('it', 'spent', 2).allowed).toBe(false)
  })

  test('a meter may become a shaper: it counts the same', () => {
    const { limiter } = stand(leaky('meter'))
    limiter.tryAcquire('it', 'k')
    limiter.setPolicy('it', leaky('shaper'))
    expect(limiter.tryAcquire('it', 'k')).toMatchObject({ remaining: 3, delayMs: 1_000 })
  })
})

test.each<[string, Policy, Policy]>([
  ['another algorithm', fixed(10), token(10)],
  ['another window', fixed(10), { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 30_000 }],
  ['another anchor', fixed(10), { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 60_000, anchor: 'first_use' }],
  ['another pace', token(10), { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 11, perMs: 1_000 } }],
  [
    'a coarser ring',
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000 },
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000, buckets: 10 },
  ],
  ['a number that is none', fixed(10), fixed(1.5)],
])('%s is refused in words, and changes nothing', (_, before, next) => {
  const { limiter } = stand(before)
  limiter.tryAcquire('it', 'k', 4)
  expect(() => limiter.setPolicy('it', next)).toThrow(PolicyError)
  expect(() => limiter.setPolicy('it', next)).toThrow(/the new policy of limit 'it' |limit is 1.5/)
  expect(limiter.tryAcquire('it', 'k', 0).remaining).toBe(6)
})

test('a limit that does not exist cannot be changed', () => {
  expect(() => stand(fixed(1)).limiter.setPolicy('that', fixed(1))).toThrow("there is no limit 'that'; there are it, other")
})
