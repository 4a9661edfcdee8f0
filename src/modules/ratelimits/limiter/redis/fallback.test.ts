import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compile } from '../compile.ts'
import type { Policy } from '../policy.ts'
import { fallback } from './fallback.ts'

const START_US = Date.parse('2026-01-01T00:00:00Z') * 1_000
const DAY = 86_400_000

const policies: readonly Policy[] = [
  { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: DAY },
  { algorithm: 'SLIDING_WINDOW', limit: 101, windowMs: DAY },
  { algorithm: 'TOKEN_BUCKET', capacity: 99, refill: { tokens: 10, perMs: DAY } },
  { algorithm: 'TOKEN_BUCKET', capacity: 7, refill: { tokens: 3, perMs: 366 * DAY } },
  { algorithm: 'LEAKY_BUCKET', capacity: 50, leak: { amount: 7, perMs: DAY } },
  { algorithm: 'COST_BASED', limit: '0.00000000003', windowMs: DAY },
]

/** Servers on their own, on one clock. */
const stand = (policy: Policy, servers = 1) => {
  let [at, live] = [START_US, servers]
  const open = () => fallback({ limits: { it: policy }, onFailure: {}, liveServers: () => live, now: () => at, seed: 1 })
  const each = Array.from({ length: servers }, open)
  const asks = (cost?: number) => [{ limit: 'it', key: 'k', ...(cost !== undefined && { cost }) }]
  return {
    each,
    asks,
    /** How many requests in a row a server lets through. */
    admitted: (alone: ReturnType<typeof open>): number => {
      let count = 0
      while (alone.acquire(asks()).allowed) count += 1
      return count
    },
    becomes: (count: number) => {
      live = count
    },
    pass: (ms: number) => {
      at += ms * 1_000
    },
  }
}

test('the shares of all servers together are no more than the limit, and each is the limit divided, rounded down', () => {
  fc.assert(
    fc.property(fc.constantFrom(...policies), fc.integer({ min: 1, max: 40 }), (policy, servers) => {
      const s = stand(policy, servers)
      const share = Math.floor(compile(policy).core.limit / servers)
      expect(s.each.map(s.admitted)).toEqual(s.each.map(() => share))
    }),
  )
})

test('a share stays taken when the number of servers changes, however often', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...policies),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 20 }),
      (policy, counts) => {
        const s = stand(policy)
        const [alone] = s.each
        if (!alone) throw new Error('there is one')
        const parts = counts.map((count) => {
          s.becomes(count)
          return s.admitted(alone) * count
        })
        expect(parts.reduce((a, b) => a + b)).toBeLessThanOrEqual(compile(policy).core.limit)
      },
    ),
  )
})

test('a bucket refills no faster in all servers together', () => {
  const s = stand({ algorithm: 'TOKEN_BUCKET', capacity: 70, refill: { tokens: 7, perMs: 1_000 } }, 7)
  for (const alone of s.each) expect(s.admitted(alone)).toBe(10)
  s.pass(999)
  for (const alone of s.each) expect(s.admitted(alone)).toBe(0)
  s.pass(1)
  for (const alone of s.each) expect(s.admitted(alone)).toBe(1)
})

test('what is left is told of the share; what only the whole limit holds may be asked for again, what it never holds may not', () => {
  const s = stand({ algorithm: 'FIXED_WINDOW', limit: 10, windowMs: DAY }, 3)
  const [alone] = s.each
  expect(alone?.acquire(s.asks(2)).limits[0]).toMatchObject({ allowed: true, remaining: 1 })
  expect(alone?.acquire(s.asks(4)).limits[0]).toMatchObject({ allowed: false, remaining: 1, retryAfterMs: 1_000 })
  expect(alone?.acquire(s.asks(11)).limits[0]).toMatchObject({ allowed: false, retryAfterMs: Number.POSITIVE_INFINITY })
})

test('a sum of money that a server cannot weigh is refused, with all that was asked for beside it', () => {
  const s = stand({ algorithm: 'COST_BASED', limit: '1000000', windowMs: DAY }, 2)
  const [alone] = s.each
  expect(alone?.acquire(s.asks(2 ** 51))).toMatchObject({ allowed: true })
  expect(alone?.acquire(s.asks(2 ** 51 + 1))).toMatchObject({ allowed: false, degraded: true, limits: [{ retryAfterMs: 1_000 }] })
})

test('a reservation that is refused unheard leaves nothing behind: neither its id nor anything to settle', () => {
  const it: Policy = { algorithm: 'COST_BASED', limit: '1000000', windowMs: DAY }
  const alone = fallback({
    limits: { it, shut: it },
    onFailure: { shut: 'closed' },
    liveServers: () => 2,
    now: () => START_US,
    seed: 1,
  })
  const local = { limit: 'it', key: 'k', cost: 1 }
  const shut = { limit: 'shut', key: 'k', cost: 1 }
  const tooHeavy = { ...local, cost: 2 ** 51 + 1 }
  for (const asks of [[shut], [local, shut], [tooHeavy]]) {
    expect(alone.reserve('r', asks, 60_000)).toMatchObject({ allowed: false, degraded: true })
    expect(alone.settle('r', { it: 1, shut: 1 })).toBeUndefined()
    expect(alone.release('r')).toBeUndefined()
  }
  expect(() => alone.reserve('r', [shut], 0)).toThrow(RangeError)
  expect(alone.reserve('r', [local], 60_000)).toMatchObject({ allowed: true })
})

test('a limit may be named as what every object has', () => {
  const name = 'constructor'
  const ten: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: DAY }
  const alone = fallback({ limits: { [name]: ten }, onFailure: {}, liveServers: () => 2, now: () => START_US, seed: 1 })
  const answer = alone.acquire([{ limit: name, key: 'k' }])
  expect(answer).toMatchObject({ allowed: true, limits: [{ remaining: 4 }] })
})

test('a reservation is settled by the most servers there were, when it was made or when it is settled', () => {
  const s = stand({ algorithm: 'FIXED_WINDOW', limit: 100, windowMs: DAY }, 4)
  const [alone] = s.each
  expect(alone?.reserve('r', s.asks(20), 60_000)).toMatchObject({ allowed: true, limits: [{ remaining: 5 }] })
  s.becomes(2)
  expect(alone?.settle('r', { it: 10 })).toEqual({ state: 'settled', changed: true })
  expect(alone?.acquire(s.asks(0)).limits[0]).toMatchObject({ remaining: 30 })
  expect(alone?.reserve('s', s.asks(10), 60_000)).toMatchObject({ allowed: true, limits: [{ remaining: 20 }] })
  s.becomes(4)
  expect(alone?.settle('s', { it: 5 })).toEqual({ state: 'settled', changed: true })
  expect(alone?.acquire(s.asks(0)).limits[0]).toMatchObject({ remaining: 10 })
  expect(alone?.settle('other', { it: 1 })).toBeUndefined()
})

test('shares that are reserved and settled at what was reserved stay taken when servers leave', () => {
  const s = stand({ algorithm: 'FIXED_WINDOW', limit: 100, windowMs: DAY }, 4)
  for (const alone of s.each) expect(alone.reserve('r', s.asks(25), 60_000)).toMatchObject({ allowed: true })
  s.becomes(1)
  for (const alone of s.each) expect(alone.settle('r', { it: 25 })).toEqual({ state: 'settled', changed: true })
  expect(s.each.map(s.admitted)).toEqual([0, 0, 0, 0])
})
