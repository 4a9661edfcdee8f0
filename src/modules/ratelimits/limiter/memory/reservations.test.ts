import { describe, expect, test } from 'vitest'
import type { Policy } from '../policy.ts'
import { endsOf } from '../reservation.ts'
import { memoryLimiter } from './limiter.ts'

const START_MS = 19_675 * 86_400_000
const tokens = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })

const stand = (policy: Policy, maxReservations = 100) => {
  let ms = START_MS
  const limiter = memoryLimiter({ limits: { tpm: policy }, maxReservations, now: () => ms * 1_000, seed: 1 })
  return {
    wait: (time: number) => {
      ms += time
    },
    reserve: (id: string, cost: number, ttlMs = 10_000) =>
      limiter.tryReserve(id, [{ limit: 'tpm', key: 'k', cost }], ttlMs).allowed,
    settle: (id: string, cost: number) => limiter.settle(id, { tpm: cost }),
    release: limiter.release,
    reset: () => limiter.reset('tpm', 'k'),
    left: () => limiter.tryAcquire('tpm', 'k', 0).remaining,
  }
}

// QU01, BerriAI/litellm#18730: counted afterwards, all five pass with 663 tokens.
test('QU01: estimates are held while the calls run, so that only those that fit begin', () => {
  const { reserve } = stand(tokens(100))
  expect([58, 80, 175, 175, 175].map((cost, i) => reserve(`r${i}`, cost))).toEqual([true, false, false, false, false])
})

// QU02, BerriAI/litellm#23775 and #27001.
test('QU02: the truth takes the place of the estimate once, however often it is told', () => {
  const { reserve, settle, release, left } = stand(tokens(1_000))
  expect(reserve('r1', 1_000)).toBe(true)
  expect(settle('r1', 300)).toEqual({ state: 'settled', changed: true })
  expect(left()).toBe(700)
  expect(settle('r1', 300)).toEqual({ state: 'settled', changed: false })
  expect(release('r1')).toEqual({ state: 'settled', changed: false })
  expect(left()).toBe(700)
  expect(reserve('r2', 800)).toBe(false)
  expect(reserve('r3', 700)).toBe(true)
  expect(release('r3')).toEqual({ state: 'released', changed: true })
  expect(release('r3')).toEqual({ state: 'released', changed: false })
  expect(left()).toBe(700)
})

test('QU03: an overrun is debt: the next one is refused', () => {
  const { reserve, settle, wait } = stand(tokens(100))
  expect(reserve('a', 90)).toBe(true)
  settle('a', 175)
  expect(reserve('b', 1)).toBe(false)
  wait(60_000)
  expect(reserve('c', 100)).toBe(true)
})

describe('a holder that says nothing', () => {
  test('loses its estimate when its time is over, and the truth counts in full if it comes after all', () => {
    const { reserve, settle, wait, left } = stand(tokens(100))
    reserve('a', 80, 5_000)
    wait(6_000)
    expect(reserve('b', 90, 5_000)).toBe(true)
    expect(settle('a', 30)).toEqual({ state: 'settled', changed: true })
    expect(left()).toBe(0)
    expect(settle('a', 30)).toEqual({ state: 'settled', changed: false })
  })

  test('counts no longer from its end on, however many ended and whatever is asked', () => {
    for (const policy of [
      tokens(100),
      { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 60_000 },
      { algorithm: 'TOKEN_BUCKET', capacity: 100, refill: { tokens: 1, perMs: 60_000 } },
      { algorithm: 'COST_BASED', limit: '0.0000000001', windowMs: 60_000 },
    ] as const) {
      let us = START_MS * 1_000
      const limiter = memoryLimiter({ limits: { tpm: policy }, now: () => us, seed: 1 })
      for (let i = 0; i < 100; i += 1) limiter.tryReserve(`k${i}`, [{ limit: 'tpm', key: 'k' }], 1_024)
      for (let i = 0; i < 300; i += 1) limiter.tryReserve(`o${i}`, [{ limit: 'tpm', key: `o${i}` }], 1_024)
      const end = endsOf(us, 1_024).to
      expect(end).toBeLessThanOrEqual(us + 1_024_000 + 32_000)
      us = end - 1
      expect(limiter.tryAcquire('tpm', 'k').allowed).toBe(false)
      us = end
      expect(limiter.tryAcquire('tpm', 'k', 0).remaining).toBe(100)
      expect(limiter.tryAcquireAll([{ limit: 'tpm', key: 'k', cost: 60 }]).allowed).toBe(true)
      limiter.giveBack('tpm', 'k', 10)
      expect(limiter.tryAcquire('tpm', 'k', 50)).toMatchObject({ allowed: true, remaining: 0 })
      expect(limiter.release('k7')).toEqual({ state: 'expired', changed: false })
    }
  })

  test('is forgotten a day later', () => {
    const { reserve, settle, wait } = stand(tokens(100))
    reserve('a', 80, 5_000)
    wait(2 * 86_400_000)
    for (let i = 0; i < 40; i += 1) reserve(`r${i}`, 1)
    expect(settle('a', 30)).toEqual({ state: 'unknown', changed: false })
    expect(settle('never', 30)).toEqual({ state: 'unknown', changed: false })
  })
})

test('a refund of a window that is over gives no credit in the one that runs', () => {
  for (const policy of [tokens(100), { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 60_000 }] as const) {
    const { reserve, settle, wait, left } = stand(policy)
    reserve('a', 90, 200_000)
    wait(130_000)
    reserve('b', 50, 200_000)
    settle('a', 1)
    expect(left()).toBe(50)
  }
})

test('a spent budget pays its debt off window by window', () => {
  const dollars = (n: number) => n * 1_000_000_000_000
  const { reserve, settle, wait, left } = stand({ algorithm: 'COST_BASED', limit: '2', windowMs: 60_000 })
  reserve('a', dollars(1))
  settle('a', dollars(5))
  wait(60_000) // owes 3
  expect(reserve('b', dollars(1))).toBe(false)
  wait(60_000) // owes 1
  expect(left()).toBe(dollars(1))
  wait(60_000)
  expect(left()).toBe(dollars(2))
})

test('the windows of a debt follow one another from the first use, whenever it is looked at', () => {
  const { reserve, settle, wait, left } = stand({ algorithm: 'COST_BASED', limit: '2', windowMs: 60_000, anchor: 'first_use' })
  const cents = (n: number) => n * 10_000_000_000
  reserve('a', cents(100))
  settle('a', cents(500))
  wait(90_000) // owes 3 until 120,000
  expect(left()).toBe(0)
  wait(29_999)
  expect(left()).toBe(0)
  wait(1) // owes 1
  expect(left()).toBe(cents(100))
})

test('as many as are remembered hold the rest off, and an id in use is a mistake', () => {
  const { reserve } = stand(tokens(100), 2)
  expect([reserve('a', 1), reserve('b', 1), reserve('c', 1)]).toEqual([true, true, false])
  expect(() => reserve('a', 1)).toThrow("there is a reservation 'a' already")
})

test('for longer than a year and a day is a mistake', () => {
  const { reserve } = stand(tokens(100))
  const longest = 366 * 86_400_000
  expect(reserve('a', 1, longest)).toBe(true)
  for (const ttlMs of [longest + 1, Number.MAX_SAFE_INTEGER, 0, 1.5, Number.NaN])
    expect(() => reserve('b', 1, ttlMs)).toThrow(`ttlMs is ${ttlMs}; it must be a whole number from 1 to ${longest}`)
})

test('a budget of nothing refuses, and what was spent all the same is told until its window ends', () => {
  const { reserve, settle, left, wait } = stand({ algorithm: 'COST_BASED', limit: '0', windowMs: 60_000 })
  expect(reserve('none', 0)).toBe(true)
  settle('none', 5)
  expect(reserve('more', 1)).toBe(false)
  expect(left()).toBe(0)
  wait(60_000)
  expect(reserve('again', 0)).toBe(true)
})

test('what was reserved before a reset gives nothing back after it', () => {
  for (const policy of [
    tokens(10),
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000 },
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000, approximate: true },
    { algorithm: 'COST_BASED', limit: '0.00000000001', windowMs: 60_000 },
    { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, perMs: 60_000 } },
  ] as const) {
    const { reserve, release, reset, left, wait } = stand(policy)
    expect(reserve('a', 10)).toBe(true)
    reset()
    wait(1)
    expect(reserve('b', 10)).toBe(true)
    release('a')
    expect(left()).toBe(0)
    release('b')
    expect(left()).toBe(10)
  }
})

test('of a window that is over gives nothing back of one that ends at the same instant', () => {
  const { reserve, release, wait, left } = stand({ algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 1_000 })
  expect(reserve('a', 5, 40_000)).toBe(true)
  wait(1_000)
  expect(reserve('b', 5, 39_000)).toBe(true)
  release('a')
  expect(left()).toBe(5)
  release('b')
  expect(left()).toBe(10)
})

test('a limit may be named as what every object has', () => {
  const name = 'constructor'
  const limiter = memoryLimiter({ limits: { [name]: tokens(10) }, now: () => START_MS * 1_000, seed: 1 })
  limiter.tryReserve('a', [{ limit: name, key: 'k', cost: 3 }], 10_000)
  expect(limiter.settle('a', {})).toEqual({ state: 'settled', changed: true })
  expect(limiter.tryAcquire(name, 'k', 0).remaining).toBe(7)
})

test('a truth of a limit that the reservation is not of is a mistake, and it stays open', () => {
  const limiter = memoryLimiter({ limits: { tpm: tokens(100) }, now: () => START_MS * 1_000, seed: 1 })
  limiter.tryReserve('a', [{ limit: 'tpm', key: 'k', cost: 60 }], 10_000)
  expect(() => limiter.settle('a', { tmp: 0 })).toThrow("reservation 'a' is not of the limit 'tmp'; it is of tpm")
  expect(limiter.tryAcquire('tpm', 'k', 0).remaining).toBe(40)
  expect(limiter.settle('a', { tpm: 10 })).toEqual({ state: 'settled', changed: true })
  expect(limiter.tryAcquire('tpm', 'k', 0).remaining).toBe(90)
})
