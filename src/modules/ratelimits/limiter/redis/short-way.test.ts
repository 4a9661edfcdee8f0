import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import type { Policy } from '../policy.ts'
import type { RedisClient } from './client.ts'
import { redisLimiter } from './limiter.ts'

const START = Date.parse('2026-03-29T00:59:59Z') * 1_000
const MINUTE_MS = 60_000
const bucket: Policy = { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, perMs: 1_000 } }
const window: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: MINUTE_MS, anchor: 'first_use' }
const sliding: Policy = { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: MINUTE_MS }
const large: Policy = { algorithm: 'FIXED_WINDOW', limit: Number.MAX_SAFE_INTEGER, windowMs: MINUTE_MS }

describeRedis('the short script', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  /** `scripts` counts the requests since it was last asked, by script. */
  const stand = (limits: Readonly<Record<string, Policy>>) => {
    stands += 1
    let [time, requests] = [START, new Map<string, number>()]
    const client: RedisClient = {
      evalsha: (sha, ...rest) => {
        requests.set(sha, (requests.get(sha) ?? 0) + 1)
        return redis.evalsha(sha, ...rest)
      },
      eval: (...all) => redis.eval(...all),
    }
    const now = () => time
    const limiter = redisLimiter({ client, prefix: `${prefix}-${stands}`, limits, now, serverTime: now, deadlineMs: 10_000 })
    const take = async (cost: number) => {
      const { limits: told } = await limiter.acquire(Object.keys(limits).map((limit) => ({ limit, key: 'k', cost })))
      return told.map(({ remaining }) => remaining)
    }
    return {
      limiter,
      take,
      wait: (ms: number) => {
        time += ms * 1_000
      },
      scripts: () => {
        const counts = [...requests.values()]
        requests = new Map()
        return counts
      },
    }
  }

  test('is the only one that is asked for buckets and windows, whether one or several', async () => {
    for (const limits of [{ bucket }, { window }, { bucket, window }, { a: bucket, b: bucket, c: window, d: window }]) {
      const { take, scripts } = stand(limits)
      for (const cost of [3, 0, 8, 7]) await take(cost)
      expect(await take(0)).toEqual(Object.keys(limits).map(() => 0))
      expect(scripts()).toEqual([5])
    }
  })

  test('is not asked for what it cannot count', async () => {
    for (const limits of [{ sliding }, { bucket, sliding }, { large }]) {
      const { take, scripts, wait } = stand(limits)
      await take(3)
      const asked = scripts()
      wait(1)
      await take(3)
      expect([asked, scripts()]).toEqual([[1], [1]])
    }
    expect(await stand({ large }).take(2 ** 52)).toEqual([Number.MAX_SAFE_INTEGER - 2 ** 52])
  })

  test('counts beside reservations, and leaves them in the row for their end, which the other one counts', async () => {
    for (const limits of [{ bucket }, { window }, { bucket, window }]) {
      const all = (amount: number) => Object.keys(limits).map(() => amount)
      const { limiter, take, wait, scripts } = stand(limits)
      const asks = Object.keys(limits).map((limit) => ({ limit, key: 'k', cost: 6 }))
      expect((await limiter.reserve('r', asks, 500)).allowed).toBe(true)
      scripts()
      expect(await take(1)).toEqual(all(3))
      expect(await take(4)).toEqual(all(3))
      expect(scripts()).toEqual([2])
      wait(510)
      expect(await take(0)).toEqual(all(9))
      expect(scripts()).toEqual([1, 1])
      expect(await take(2)).toEqual(all(7))
      expect(scripts()).toEqual([1, 1])
      expect(await take(1)).toEqual(all(6))
      expect(scripts()).toEqual([1])
    }
  })

  test('a row that holds a reservation is kept until that ends', async () => {
    const { limiter, take } = stand({ bucket })
    const time = 40 * 86_400_000
    await limiter.reserve('r', [{ limit: 'bucket', key: 'k', cost: 1 }], time)
    await take(1)
    const [row = ''] = await redis.keys(`${prefix}-${stands}*:bucket:*`)
    expect(await redis.pttl(row)).toBeGreaterThan(time - MINUTE_MS)
  })

  test('leaves a debt that is too large for its answers to the other one', async () => {
    for (const limits of [{ bucket }, { window }, { bucket, window }]) {
      const [first = ''] = Object.keys(limits)
      const { limiter, take, scripts } = stand(limits)
      for (const id of ['a', 'b']) await limiter.reserve(id, [{ limit: first, key: 'k', cost: 1 }], 1_000)
      for (const id of ['a', 'b']) await limiter.settle(id, { [first]: 2 ** 52 })
      scripts()
      expect((await take(1))[0]).toBe(0)
      expect(scripts()).toEqual([1, 1])
    }
  })
})

const answering = (reply: unknown) => {
  const errors: unknown[] = []
  const client: RedisClient = { evalsha: async () => reply, eval: async () => reply }
  const limiter = redisLimiter({ client, limits: { bucket }, now: () => START, onError: (error) => errors.push(error) })
  return { limiter, errors }
}

test('a client that writes integers as strings is understood', async () => {
  const { limiter } = answering(['2500000', '-1000'])
  expect(await limiter.acquire([{ limit: 'bucket', key: 'k' }])).toEqual({
    allowed: true,
    limits: [{ limit: 'bucket', allowed: true, remaining: 7, resetMs: 2_499, retryAfterMs: 0, delayMs: 0 }],
  })
})

test('an answer that no limiter gave is a failure', async () => {
  for (const reply of ['OK', undefined, [], [1, 'x'], [1, 0, 1, 0]]) {
    const { limiter, errors } = answering(reply)
    expect(await limiter.acquire([{ limit: 'bucket', key: 'k' }])).toMatchObject({ degraded: true })
    expect(errors).toEqual([expect.any(TypeError)])
  }
})
