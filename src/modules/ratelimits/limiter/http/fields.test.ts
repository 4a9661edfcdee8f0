import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Decision, LimitDecision } from '../decision.ts'
import { limitItem, list, policyItem } from './fields.ts'
import { retryAfterSeconds } from './jittered-wait.ts'
import { kindOf, refusalProblem } from './problem.ts'
import { quotaPolicy } from './quota-policy.ts'

const decided = (parts: Partial<LimitDecision> = {}): LimitDecision => ({
  limit: 'default',
  allowed: true,
  remaining: 50,
  resetMs: 29_100,
  retryAfterMs: 0,
  delayMs: 0,
  ...parts,
})
const refused = (limit: string, retryAfterMs: number): LimitDecision =>
  decided({ limit, allowed: false, remaining: 0, resetMs: 90_000, retryAfterMs })
const all = (...limits: LimitDecision[]): Decision => ({ allowed: limits.every(({ allowed }) => allowed), limits })

// Source of HD01 to HD03: ietf-wg-httpapi/ratelimit-headers, draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4.
describe('fields', () => {
  test('HD01: the policies of a request stand in one list', () => {
    const policies = [
      { name: 'burst', quota: 100, windowSeconds: 60 },
      { name: 'daily', quota: 1_000, windowSeconds: 86_400 },
    ]
    expect(list(policies.map(policyItem))).toBe('"burst";q=100;w=60,"daily";q=1000;w=86400')
  })

  test('HD02: the time until there is more is in whole seconds, rounded up', () => {
    expect(limitItem(decided())).toBe('"default";r=50;t=30')
  })

  test('HD03: unit and partition key are told', () => {
    const unit = 'content-bytes' as const
    const policy = { name: 'peruser', quota: 65_535, unit, windowSeconds: 10, partitionKey: 'sdfjLJUOUH==' }
    expect(policyItem(policy)).toBe('"peruser";q=65535;qu="content-bytes";w=10;pk=:sdfjLJUOUH==:')
  })

  test('a name with quotes and backslashes is escaped, and cannot open a field of its own', () => {
    expect(policyItem({ name: 'a"b\\c', quota: 1 })).toBe('"a\\"b\\\\c";q=1')
    for (const name of ['', 'ü', 'a\r\nset-cookie: b']) expect(() => policyItem({ name, quota: 1 })).toThrow(RangeError)
  })

  test.each([
    { name: 'q', quota: -1 },
    { name: 'q', quota: 0.5 },
    { name: 'w', quota: 1, windowSeconds: 0 },
    { name: 'w', quota: 1, windowSeconds: 1.5 },
    { name: 'pk', quota: 1, partitionKey: 'abc' },
    { name: 'pk', quota: 1, partitionKey: ':a":' },
  ])('%o is refused in words', (policy) => {
    expect(() => policyItem(policy)).toThrow(RangeError)
  })

  test('what is left of a debt is 0, and no number is longer than the fifteen digits of an Integer', () => {
    expect(limitItem(decided({ remaining: -3, resetMs: 0 }))).toBe('"default";r=0')
    expect(limitItem(decided({ remaining: 2 ** 53, resetMs: 1 }))).toBe('"default";r=999999999999999;t=1')
  })

  test('a refusal tells when it fits; one that never will tells when the quota is whole', () => {
    expect(limitItem(refused('default', 1_001))).toBe('"default";r=0;t=2')
    expect(limitItem(refused('default', Number.POSITIVE_INFINITY))).toBe('"default";r=0;t=90')
  })
})

describe('a limit as its clients are told of it', () => {
  test('is its quota over its window', () => {
    expect(quotaPolicy('it', { algorithm: 'FIXED_WINDOW', limit: 5, windowMs: 60_000 })).toEqual({
      name: 'it',
      quota: 5,
      windowSeconds: 60,
    })
    expect(quotaPolicy('it', { algorithm: 'SLIDING_WINDOW', limit: 5, windowMs: 1_000 })).toMatchObject({ windowSeconds: 1 })
  })

  test('is, of a bucket, its capacity over the time that fills it', () => {
    const refill = { tokens: 10, perMs: 1_000 }
    expect(quotaPolicy('it', { algorithm: 'TOKEN_BUCKET', capacity: 20, refill })).toMatchObject({ quota: 20, windowSeconds: 2 })
    const leak = { amount: 1, perMs: 100 }
    expect(quotaPolicy('it', { algorithm: 'LEAKY_BUCKET', capacity: 50, leak })).toMatchObject({ quota: 50, windowSeconds: 5 })
    expect(quotaPolicy('it', { algorithm: 'TOKEN_BUCKET', capacity: 0, refill })).toEqual({ name: 'it', quota: 0 })
  })

  test('has no window where it is no whole second or differs from one to the next', () => {
    const anchor = { unit: 'month', timeZone: 'Europe/Berlin' } as const
    expect(quotaPolicy('it', { algorithm: 'SLIDING_WINDOW', limit: 5, windowMs: 1_500 })).toEqual({ name: 'it', quota: 5 })
    expect(quotaPolicy('it', { algorithm: 'FIXED_WINDOW', limit: 5, anchor })).toEqual({ name: 'it', quota: 5 })
  })

  test('is not told in money, which the draft has no unit for', () => {
    expect(quotaPolicy('it', { algorithm: 'COST_BASED', limit: '5.00', windowMs: 60_000 })).toBeUndefined()
  })
})

describe('Retry-After', () => {
  test('waits for the last of the limits that refused, and for those alone', () => {
    expect(retryAfterSeconds(all(refused('a', 3_000), refused('b', 8_000), decided({ resetMs: 99_000 })), 0)).toBe(8)
  })

  test('is absent where nobody refused and where no wait helps', () => {
    expect(retryAfterSeconds(all(decided()), 0.5)).toBeUndefined()
    expect(retryAfterSeconds(all(refused('a', 1_000), refused('b', Number.POSITIVE_INFINITY)), 0.5)).toBeUndefined()
  })

  test('is never before the request fits or before what RateLimit tells, and later by a tenth, or a second, at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 31 * 86_400_000 }),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (ms, random) => {
          const seconds = retryAfterSeconds(all(refused('a', ms)), random) ?? 0
          const told = Number(/t=(\d+)/.exec(limitItem(refused('a', ms)))?.[1])
          expect(seconds).toBeGreaterThanOrEqual(told)
          expect(seconds).toBeLessThanOrEqual(Math.ceil((ms + Math.min(60_000, Math.max(1_000, ms / 10))) / 1_000))
        },
      ),
      { seed: 3 },
    )
  })

  test('spreads clients that were refused at one moment over every second of the spread', () => {
    const waits = Array.from({ length: 100 }, (_, i) => retryAfterSeconds(all(refused('a', 60_000)), i / 100))
    expect(new Set(waits)).toEqual(new Set([60, 61, 62, 63, 64, 65, 66]))
  })
})

describe('the body of a refusal', () => {
  test('names each policy that refused, and no other', () => {
    const decision = all(decided({ limit: 'site' }), refused('daily', 3_000), refused('bandwidth', 8_000))
    expect(refusalProblem(decision, 9, kindOf(decision))).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      detail: "refused by policies 'daily' and 'bandwidth'; retry in 9 s",
      'violated-policies': ['daily', 'bandwidth'],
    })
  })

  test('says so when waiting does not help', () => {
    const decision = all(refused('daily', Number.POSITIVE_INFINITY))
    expect(refusalProblem(decision, undefined, 'quota-exceeded').detail).toBe(
      "refused by policy 'daily'; waiting does not help, a smaller request may",
    )
  })

  test('calls a refusal without the shared store the server’s own: 503, temporary-reduced-capacity', () => {
    const decision: Decision = { ...all(refused('daily', 1_000)), degraded: true }
    expect(refusalProblem(decision, 1, kindOf(decision))).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      status: 503,
    })
  })
})
