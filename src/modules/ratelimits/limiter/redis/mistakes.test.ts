import { expect, test } from 'vitest'
import { PolicyError } from '../compile.ts'
import type { Ask } from '../decision.ts'
import type { Policy } from '../policy.ts'
import { type RedisLimiterOptions, redisLimiter } from './limiter.ts'

const ip: Policy = { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 10, perMs: 60_000 } }

const opened = (options: Partial<RedisLimiterOptions> = {}) => {
  const errors: unknown[] = []
  const limiter = redisLimiter({
    client: { evalsha: async () => 0, eval: async () => 0 },
    limits: { ip },
    onFailure: { ip: 'closed' },
    now: () => Date.now() * 1_000,
    onError: (error) => errors.push(error),
    ...options,
  })
  return { limiter, errors }
}

/** What a caller in JavaScript may hand over. */
const untyped = (key: unknown): readonly Ask[] => JSON.parse(JSON.stringify([{ limit: 'ip', key }]))

test('a key that is no text is the caller’s mistake, however often, and no outage', async () => {
  const { limiter, errors } = opened()
  for (const key of [undefined, null, 7, {}, undefined, undefined])
    await expect(limiter.acquire(untyped(key))).rejects.toThrow(RangeError)
  await expect(limiter.reserve('r', untyped(undefined), 1_000)).rejects.toThrow(
    "a key of limit 'ip' is undefined, and must be text",
  )
  expect(errors).toEqual([])
  expect(await limiter.acquire([{ limit: 'ip', key: 'k' }])).not.toHaveProperty('degraded')
})

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('a deadline of %s ms is refused', (deadlineMs) => {
  expect(() => opened({ deadlineMs })).toThrow(PolicyError)
})

test('what is to happen without the server is told of limits that there are', () => {
  expect(() => opened({ onFailure: { api: 'open' } })).toThrow("onFailure names 'api', which is no limit; there are ip")
})
