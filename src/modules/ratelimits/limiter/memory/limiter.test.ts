import { describe, expect, test } from 'vitest'
import type { Policy } from '../policy.ts'
import { type MemoryLimiterOptions, memoryLimiter } from './limiter.ts'

const MINUTE: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 60_000 }
const START_MS = 19_675 * 86_400_000

const stand = (limits: MemoryLimiterOptions['limits'], options: Partial<MemoryLimiterOptions> = {}) => {
  let ms = START_MS
  const limiter = memoryLimiter({ limits, now: () => ms * 1_000, seed: 1, ...options })
  return {
    limiter,
    wait: (time: number) => {
      ms += time
    },
  }
}

describe('several limits', () => {
  const limits = {
    site: { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: 60_000 },
    user: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 60_000 },
  } as const
  const asks = [
    { limit: 'site', key: 'all' },
    { limit: 'user', key: 'u1' },
  ]

  // MU02, envoyproxy/ratelimit#1060: five tries counted five against the broad limit of a peer.
  test('one that refuses keeps the others from being charged, and is told apart', () => {
    const { limiter } = stand(limits)
    expect(limiter.tryAcquireAll(asks)).toMatchObject({ allowed: true })
    for (let i = 0; i < 5; i += 1) {
      const { allowed, limits: decided } = limiter.tryAcquireAll(asks)
      expect(allowed).toBe(false)
      expect(decided).toMatchObject([
        { limit: 'site', allowed: true, remaining: 999 },
        { limit: 'user', allowed: false, remaining: 0, retryAfterMs: 60_000 },
      ])
    }
  })

  // MU03, unkey's TestRatelimitMany_LongWindowLowTrafficRefreshesStaleReplica: a batch of zero costs looks.
  test('a cost of 0 looks at a limit and charges nothing', () => {
    const { limiter } = stand({
      daily: { algorithm: 'FIXED_WINDOW', limit: 22, windowMs: 86_400_000 },
      hourly: { algorithm: 'FIXED_WINDOW', limit: 32, windowMs: 3_600_000 },
    })
    limiter.tryAcquire('daily', 'k', 12)
    limiter.tryAcquire('hourly', 'k', 12)
    const look = [
      { limit: 'daily', key: 'k', cost: 0 },
      { limit: 'hourly', key: 'k', cost: 0 },
    ]
    for (let i = 0; i < 3; i += 1) expect(limiter.tryAcquireAll(look).limits.map(({ remaining }) => remaining)).toEqual([10, 20])
  })

  test('the same limit twice is a mistake', () => {
    const { limiter } = stand(limits)
    expect(() => limiter.tryAcquireAll([...asks, { limit: 'user', key: 'u1' }])).toThrow(/stands twice/)
  })
})

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
  'a cost of %d is refused in words, and nothing is taken',
  (cost) => {
    const { limiter } = stand({ it: MINUTE })
    expect(() => limiter.tryAcquire('it', 'k', cost)).toThrow(RangeError)
    expect(() => limiter.tryAcquireAll([{ limit: 'it', key: 'k', cost }])).toThrow(RangeError)
    expect(limiter.tryAcquire('it', 'k', 0).remaining).toBe(10)
  },
)

test('a limit that does not exist is named, with those that do', () => {
  const { limiter } = stand({ it: MINUTE })
  expect(() => limiter.tryAcquire('that', 'k')).toThrow("there is no limit 'that'; there are it")
})

test.each<[string, Policy]>([
  ['fraction', { algorithm: 'FIXED_WINDOW', limit: 1.5, windowMs: 1_000 }],
  ['no window', { algorithm: 'FIXED_WINDOW', limit: 1 }],
  ['a window beyond a year', { algorithm: 'SLIDING_WINDOW', limit: 1, windowMs: 400 * 86_400_000 }],
  ['nine buckets', { algorithm: 'SLIDING_WINDOW', limit: 1, windowMs: 1_000, buckets: 9 }],
  ['no refill', { algorithm: 'TOKEN_BUCKET', capacity: 1, refill: { tokens: 0, perMs: 1_000 } }],
  ['a negative amount', { algorithm: 'COST_BASED', limit: '-1', windowMs: 1_000 }],
  ['thirteen digits', { algorithm: 'COST_BASED', limit: '0.0000000000001', windowMs: 1_000 }],
])('a policy with %s is refused in words', (_name, policy) => {
  expect(() => stand({ it: policy })).toThrow(expect.objectContaining({ code: 'policy_invalid' }))
})

test('windows of 25 days and more count: setTimeout ends at 24.8', () => {
  const { limiter, wait } = stand({ it: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 60 * 86_400_000, anchor: 'first_use' } })
  expect(limiter.tryAcquire('it', 'k').allowed).toBe(true)
  wait(59 * 86_400_000)
  expect(limiter.tryAcquire('it', 'k')).toMatchObject({ allowed: false, retryAfterMs: 86_400_000 })
  wait(86_400_000)
  expect(limiter.tryAcquire('it', 'k').allowed).toBe(true)
})

test('a clock that steps back forgets nothing and refuses nothing for longer than it stepped', () => {
  for (const policy of [
    MINUTE,
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000 },
    { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 10, perMs: 60_000 } },
  ] as const) {
    const { limiter, wait } = stand({ it: policy })
    expect(limiter.tryAcquire('it', 'k', 10).allowed).toBe(true)
    wait(-3_600_000)
    expect(limiter.tryAcquire('it', 'k').allowed).toBe(false)
    wait(3_600_000 + 120_000)
    expect(limiter.tryAcquire('it', 'k', 10).allowed).toBe(true)
  }
})

test('days of a time zone begin at its midnight and have 23 to 25 hours', () => {
  const policy: Policy = { algorithm: 'FIXED_WINDOW', limit: 1, anchor: { unit: 'day', timeZone: 'Europe/Berlin' } }
  const at = (text: string) => Temporal.Instant.from(text).epochMilliseconds - START_MS
  const { limiter, wait } = stand({ it: policy })
  wait(at('2026-03-28T23:00:00Z')) // midnight of the day on which clocks go forward
  expect(limiter.tryAcquire('it', 'k')).toMatchObject({ allowed: true, resetMs: 23 * 3_600_000 })
  wait(23 * 3_600_000 - 1)
  expect(limiter.tryAcquire('it', 'k')).toMatchObject({ allowed: false, retryAfterMs: 1 })
  wait(1)
  expect(limiter.tryAcquire('it', 'k')).toMatchObject({ allowed: true, resetMs: 24 * 3_600_000 })
})

test('a shaper tells each admitted request how long to wait, so that they leave evenly', () => {
  // LB09, uber-go/ratelimit's TestInitial: at ten a second three at once leave 100 ms apart.
  const { limiter, wait } = stand({
    it: { algorithm: 'LEAKY_BUCKET', capacity: 3, leak: { amount: 10, perMs: 1_000 }, mode: 'shaper' },
  })
  expect([1, 2, 3].map(() => limiter.tryAcquire('it', 'k').delayMs)).toEqual([0, 100, 200])
  expect(limiter.tryAcquire('it', 'k')).toMatchObject({ allowed: false, retryAfterMs: 100 })
  wait(250)
  expect(limiter.tryAcquire('it', 'k')).toMatchObject({ allowed: true, delayMs: 50 })
})

describe('the cap on keys', () => {
  test.each([0, -1, 1.5, 2 ** 31, Number.POSITIVE_INFINITY])('is not %d, in words', (maxKeys) => {
    expect(() => stand({ it: MINUTE }, { maxKeys })).toThrow(/maxKeys is .* from 1 to 2\^30/)
  })

  test('holds under keys without end, and a key that is refused is never forgotten for their sake', () => {
    const { limiter, wait } = stand({ it: MINUTE }, { maxKeys: 1_000 })
    for (let i = 0; i < 500; i += 1) limiter.tryAcquire('it', `spent-${i}`, 10)
    for (let i = 0; i < 20_000; i += 1) {
      if (i % 100 === 0) wait(1)
      limiter.tryAcquire('it', `stranger-${i}`)
    }
    expect(limiter.sizes().it).toBe(1_000)
    for (let i = 0; i < 500; i += 1) expect(limiter.tryAcquire('it', `spent-${i}`).allowed).toBe(false)
  })

  test.each([
    ['refuse', { allowed: false, remaining: 0, retryAfterMs: 1_000 }],
    ['admit', { allowed: true, remaining: 9, retryAfterMs: 0 }],
  ] as const)(
    'full of keys that are refused, a new one is answered %s; what never fits is refused for ever',
    (onOverflow, told) => {
      const { limiter } = stand({ it: MINUTE }, { maxKeys: 50, onOverflow })
      for (let i = 0; i < 50; i += 1) limiter.tryAcquire('it', `spent-${i}`, 10)
      expect(limiter.tryAcquire('it', 'new')).toEqual({ limit: 'it', ...told, resetMs: 0, delayMs: 0 })
      expect(limiter.tryAcquire('it', 'new', 11)).toMatchObject({ allowed: false, retryAfterMs: Number.POSITIVE_INFINITY })
      expect(limiter.sizes().it).toBe(50)
    },
  )

  test('by limit, each answers a new key as it is told, and one that is not told refuses', () => {
    const { limiter } = stand({ it: MINUTE, own: MINUTE }, { maxKeys: 1, onOverflow: { it: 'admit' } })
    for (const limit of ['it', 'own']) limiter.tryAcquire(limit, 'spent', 10)
    expect(limiter.tryAcquire('it', 'new').allowed).toBe(true)
    expect(limiter.tryAcquire('own', 'new').allowed).toBe(false)
    const { limiter: odd } = stand({ constructor: MINUTE }, { maxKeys: 1, onOverflow: 'admit' })
    odd.tryAcquire('constructor', 'spent', 10)
    expect(odd.tryAcquire('constructor', 'new').allowed).toBe(true)
    expect(() => stand({ it: MINUTE }, { onOverflow: { that: 'admit' } })).toThrow(
      "onOverflow names 'that', which is no limit; there are it",
    )
  })

  test('keys that are as if never used make room for new ones', () => {
    const { limiter, wait } = stand({ it: MINUTE }, { maxKeys: 100_000 })
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 1_000; i += 1) limiter.tryAcquire('it', `${round}-${i}`)
      wait(61_000)
    }
    expect(limiter.sizes().it).toBeLessThanOrEqual(2_000)
  })
})

test('2,000 at once against 100 admit exactly 100, and what is given back may be taken again', () => {
  const { limiter } = stand({ it: { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 1_000 } })
  expect(Array.from({ length: 2_000 }, () => limiter.tryAcquire('it', 'k')).filter(({ allowed }) => allowed)).toHaveLength(100)
  limiter.giveBack('it', 'k', 3)
  expect(Array.from({ length: 9 }, () => limiter.tryAcquire('it', 'k')).filter(({ allowed }) => allowed)).toHaveLength(3)
  limiter.reset('it', 'k')
  expect(limiter.tryAcquire('it', 'k').remaining).toBe(99)
})

test('money is counted exactly, and an overrun is debt that each window pays a part of', () => {
  const { limiter, wait } = stand({ it: { algorithm: 'COST_BASED', limit: '0.45', windowMs: 60_000 } })
  const cents = (n: number) => n * 10_000_000_000
  // QU06, BerriAI/litellm#40002: five of 0.15 at once against 0.45; a peer admitted four.
  expect(Array.from({ length: 5 }, () => limiter.tryAcquire('it', 'k', cents(15)).allowed)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ])
  wait(60_000)
  for (let i = 0; i < 4_499_999; i += 1_500_000) limiter.tryAcquire('it', 'p', 1)
  expect(limiter.tryAcquire('it', 'p', 0).remaining).toBe(cents(45) - 3)
})
