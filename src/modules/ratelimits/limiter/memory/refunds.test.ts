import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../../../test/harness/runs.ts'
import type { Policy } from '../policy.ts'
import { memoryLimiter } from './limiter.ts'

const START = 1_700_000_000_000_000

const even: Policy = { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, perMs: 1_000 } }
const leaky: Policy = { algorithm: 'LEAKY_BUCKET', capacity: 10, leak: { amount: 1, perMs: 1_000 } }
const interval: Policy = { algorithm: 'TOKEN_BUCKET', mode: 'interval', capacity: 10, refill: { tokens: 1, perMs: 1_000 } }

const stand = (policy: Policy) => {
  let now = START
  const limiter = memoryLimiter({ limits: { it: policy }, now: () => now, seed: 1 })
  return {
    limiter,
    now: () => now,
    wait: (us: number) => {
      now += us
    },
    take: (cost: number) => limiter.tryAcquire('it', 'k', cost).allowed,
    reserve: (id: string, cost: number, ttlMs = 600_000) =>
      limiter.tryReserve(id, [{ limit: 'it', key: 'k', cost }], ttlMs).allowed,
    settle: (id: string, truth: number) => limiter.settle(id, { it: truth }),
    left: () => limiter.tryAcquire('it', 'k', 0).remaining,
  }
}
const SECOND = 1_000_000

describe.each([
  ['an even bucket', even],
  ['a leaky bucket', leaky],
  ['a bucket filled by intervals', interval],
] as const)('%s', (_name, policy) => {
  test('gives no credit for what had flowed off', () => {
    const { reserve, settle, take, wait } = stand(policy)
    expect(reserve('a', 10)).toBe(true)
    wait(10 * SECOND)
    expect(take(10)).toBe(true)
    settle('a', 0)
    expect(take(1)).toBe(false)
  })

  test('gives back what has not: of what was taken last all, of what is flowing off the rest', () => {
    const { reserve, settle, take, wait, left } = stand(policy)
    expect(take(4)).toBe(true)
    expect(reserve('a', 6)).toBe(true)
    wait(4 * SECOND)
    settle('a', 1)
    expect(left()).toBe(9)
    wait(SECOND)
    expect(reserve('b', 10)).toBe(true)
    wait(3 * SECOND)
    settle('b', 5)
    expect(left()).toBe(8)
    settle('b', 0)
    expect(left()).toBe(8)
  })

  test('knows where reservations lie once one below them is given back', () => {
    const { reserve, settle, take, wait, left, limiter } = stand(policy)
    expect(reserve('a', 5, 600_000)).toBe(true)
    expect(reserve('b', 5, 300_000)).toBe(true)
    limiter.release('a')
    expect(left()).toBe(5)
    wait(5 * SECOND)
    expect(take(10)).toBe(true)
    settle('b', 0)
    expect(take(1)).toBe(false)
  })

  test('gives all back at once, in whichever order', () => {
    const { reserve, limiter, left } = stand(policy)
    for (const [id, ttlMs] of [
      ['a', 1_000],
      ['b', 60_000],
      ['c', 60_000],
      ['d', 7_000],
    ] as const)
      reserve(id, 2, ttlMs)
    for (const [id, expected] of [
      ['b', 4],
      ['a', 6],
      ['d', 8],
      ['c', 10],
    ] as const) {
      limiter.release(id)
      expect(left()).toBe(expected)
    }
  })
})

interface Taken {
  readonly at: number
  cost: number
  readonly until: number
}

const act = fc.record({
  gap: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(40_000), fc.nat(300_000)),
  what: fc.constantFrom('take', 'reserve', 'reserve', 'settle', 'release', 'touch'),
  pick: fc.nat(5),
  cost: fc.nat(12),
  ttlMs: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(60_000)),
})

test('over reservations, settlements and takings in any order no span ever holds more than the capacity and its refill, of true costs', () => {
  const bucket = fc.record({
    capacity: fc.integer({ min: 1, max: 24 }),
    tokens: fc.integer({ min: 1, max: 9 }),
    perMs: fc.integer({ min: 1, max: 60 }),
    kind: fc.constantFrom('even', 'leaky', 'interval'),
  })
  fc.assert(
    fc.property(
      bucket,
      fc.array(act, { minLength: 40, maxLength: 80, size: 'max' }),
      ({ capacity, tokens, perMs, kind }, acts) => {
        const policy: Policy =
          kind === 'leaky'
            ? { algorithm: 'LEAKY_BUCKET', capacity, leak: { amount: tokens, perMs } }
            : { algorithm: 'TOKEN_BUCKET', mode: kind as 'even' | 'interval', capacity, refill: { tokens, perMs } }
        const { reserve, settle, take, wait, now, left, limiter } = stand(policy)
        const log: Taken[] = []
        const open: { readonly id: string; readonly taken: Taken }[] = []
        const perUs = perMs * 1_000
        /** Refills are at instants of the bucket's own, one of which may lie in each span. */
        const refilled = (from: number, to: number): number =>
          kind === 'interval' ? (Math.floor((to - from) / perUs) + (to > from ? 1 : 0)) * tokens : ((to - from) * tokens) / perUs
        for (const [i, { gap, what, pick, cost, ttlMs }] of acts.entries()) {
          wait(gap)
          const at = now()
          if (what === 'take' && take(cost)) log.push({ at, cost, until: Number.POSITIVE_INFINITY })
          if (what === 'reserve' && reserve(`r${i}`, cost, ttlMs)) {
            const taken = { at, cost, until: at + ttlMs * 1_000 }
            log.push(taken)
            open.push({ id: `r${i}`, taken })
          }
          if (what === 'touch') {
            const before = left()
            if (reserve(`t${i}`, cost, ttlMs)) {
              limiter.release(`t${i}`)
              expect(left()).toBe(before)
            }
          }
          const [chosen] = what === 'settle' || what === 'release' ? open.splice(pick % Math.max(1, open.length), 1) : []
          if (chosen) {
            const truth = what === 'settle' ? Math.min(cost, chosen.taken.cost) : 0
            const { state } = what === 'settle' ? settle(chosen.id, truth) : limiter.release(chosen.id)
            chosen.taken.cost = state === 'expired' || at >= chosen.taken.until ? 0 : truth
          }
          for (const taken of log) {
            if (taken.at > now()) continue
            const sum = log
              .filter((one) => one.at >= taken.at && counts(one, open, now()))
              .reduce((all, one) => all + one.cost, 0)
            // What is left might be taken now.
            expect(sum + left()).toBeLessThanOrEqual(capacity + refilled(taken.at, now()) + 1e-6)
          }
        }
      },
    ),
    { numRuns: runs(500, 100) },
  )
})

/** What ran out unanswered counts no longer. */
const counts = (taken: Taken, open: readonly { readonly taken: Taken }[], now: number): boolean =>
  now < taken.until || !open.some((one) => one.taken === taken)
