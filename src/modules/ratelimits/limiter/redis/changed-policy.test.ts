import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import { PolicyError } from '../compile.ts'
import { leasedLimiter } from '../leases/limiter.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { redisLimiter } from './limiter.ts'

const START_US = 19_675 * 86_400_000_000
const fixed = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })

/** Policies that differ in their number alone. */
const FAMILIES: Readonly<Record<string, (limit: number) => Policy>> = {
  'a fixed window': fixed,
  'a sliding window': (limit) => ({ algorithm: 'SLIDING_WINDOW', limit, windowMs: 60_000 }),
  'an approximate window': (limit) => ({ algorithm: 'SLIDING_WINDOW', limit, windowMs: 60_000, approximate: true }),
  'a token bucket': (capacity) => ({ algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 7, perMs: 10_000 } }),
  'a bucket refilled by intervals': (capacity) => ({
    algorithm: 'TOKEN_BUCKET',
    capacity,
    refill: { tokens: 7, perMs: 10_000 },
    mode: 'interval',
  }),
  'a shaper': (capacity) => ({ algorithm: 'LEAKY_BUCKET', capacity, leak: { amount: 3, perMs: 10_000 }, mode: 'shaper' }),
  money: (limit) => ({ algorithm: 'COST_BASED', limit: `0.0000000000${String(limit).padStart(2, '0')}`, windowMs: 60_000 }),
}

const step = fc.record({
  waitMs: fc.oneof(fc.constant(0), fc.nat(20_000)),
  limit: fc.option(fc.integer({ min: 0, max: 40 })),
  cost: fc.nat(12),
})

describeRedis('a number that changes while requests come', () => {
  const { redis, prefix } = openRedis()
  let stands = 0
  const own = (): string => {
    stands += 1
    return `${prefix}-${stands}`
  }

  for (const [name, family] of Object.entries(FAMILIES))
    test(`of ${name} is counted in Redis as in memory, step by step`, () =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
          let us = START_US
          const common = { limits: { it: family(20) }, now: () => us }
          const memory = memoryLimiter({ ...common, seed: 1 })
          const shared = redisLimiter({ ...common, client: redis, prefix: own(), serverTime: () => us, deadlineMs: 10_000 })
          for (const { waitMs, limit, cost } of steps) {
            us += waitMs * 1_000
            if (limit !== null) for (const limiter of [memory, shared]) limiter.setPolicy('it', family(limit))
            const asks = [{ limit: 'it', key: 'k', cost }]
            expect(await shared.acquire(asks)).toEqual(await memory.acquire(asks))
          }
        }),
        { numRuns: 15 },
      ))

  test('holds where it was told; another server counts by its own number over the same counts until it is told', async () => {
    const common = { client: redis, prefix: own(), limits: { it: fixed(10) }, now: () => START_US, serverTime: () => START_US }
    const [told, untold] = [redisLimiter({ ...common, deadlineMs: 10_000 }), redisLimiter({ ...common, deadlineMs: 10_000 })]
    const ask = [{ limit: 'it', key: 'k', cost: 6 }]
    await told.acquire(ask)
    told.setPolicy('it', fixed(30))
    expect(await told.acquire(ask)).toMatchObject({ allowed: true, limits: [{ remaining: 18 }] })
    expect(await untold.acquire(ask)).toMatchObject({ allowed: false })
  })
})

/** A server that does not answer. */
const GONE = { evalsha: () => Promise.reject(new Error('gone')), eval: () => Promise.reject(new Error('gone')) }

test('without Redis the server’s share is of the number that holds, and what was taken of it stays taken', async () => {
  const limiter = redisLimiter({ client: GONE, limits: { it: fixed(10) }, liveServers: () => 2, now: () => START_US })
  const acquire = async (cost: number) => limiter.acquire([{ limit: 'it', key: 'k', cost }])
  expect(await acquire(5)).toMatchObject({ allowed: true, degraded: true })
  limiter.setPolicy('it', fixed(20))
  expect(await acquire(6)).toMatchObject({ allowed: false, limits: [{ remaining: 5 }] })
  expect(await acquire(5)).toMatchObject({ allowed: true })
})

test.each(['open', 'closed', 'local'] as const)(
  'what counts otherwise is refused in words, whatever `onFailure`: %s',
  (onFailure) => {
    const limiter = redisLimiter({ client: GONE, limits: { it: fixed(10) }, onFailure: { it: onFailure }, now: () => START_US })
    expect(() => limiter.setPolicy('it', { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 1_000 })).toThrow(PolicyError)
    expect(() => limiter.setPolicy('that', fixed(10))).toThrow("there is no limit 'that'; there are it")
    limiter.setPolicy('it', fixed(11))
  },
)

test('a limit that is leased keeps its number, in words; one beside it changes', async () => {
  const limiter = leasedLimiter({
    limits: { leased: fixed(1_000), it: fixed(10) },
    leases: { leased: 0.01 },
    countedBy: (limits) => redisLimiter({ client: GONE, limits, now: () => START_US }),
    now: () => START_US,
  })
  expect(() => limiter.setPolicy('leased', fixed(2_000))).toThrow("limit 'leased' is leased, and keeps its number")
  limiter.setPolicy('it', fixed(3))
  expect(await limiter.acquire([{ limit: 'it', key: 'k', cost: 4 }])).toMatchObject({
    allowed: false,
    limits: [{ remaining: 3 }],
  })
})
