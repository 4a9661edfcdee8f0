import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { describeRedis, openRedis, redisUrl } from '../../../../../test/harness/redis.ts'
import { redisLimiter } from './limiter.ts'
import { numbersOf } from './reply.ts'

test('what is no whole number is not understood', () => {
  expect(numbersOf([1, '-1', '9007199254740991'])).toEqual([1, -1, Number.MAX_SAFE_INTEGER])
  for (const reply of [null, 'OK', 7, [''], ['-'], ['1.5'], ['1e3'], ['--1'], [1, null]])
    expect(() => numbersOf(reply)).toThrow(TypeError)
})

describeRedis('a client that writes integers as strings', () => {
  const { prefix } = openRedis()

  test('is understood where a cost never fits, and where an id is in use', async () => {
    const client = new Redis(redisUrl, { stringNumbers: true })
    onTestFinished(() => client.disconnect())
    const limiter = redisLimiter({
      client,
      prefix,
      limits: { sliding: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000 } },
      now: () => Date.now() * 1_000,
      deadlineMs: 10_000,
    })
    const asks = (cost: number) => [{ limit: 'sliding', key: 'k', cost }]
    expect(await limiter.acquire(asks(11))).toMatchObject({
      allowed: false,
      limits: [{ retryAfterMs: Number.POSITIVE_INFINITY, remaining: 10 }],
    })
    expect(await limiter.reserve('r', asks(1), 60_000)).not.toHaveProperty('degraded')
    await expect(limiter.reserve('r', asks(1), 60_000)).rejects.toThrow("there is a reservation 'r' already")
  })
})
