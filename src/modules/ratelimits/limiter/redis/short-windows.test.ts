import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import type { Policy } from '../policy.ts'
import { redisLimiter } from './limiter.ts'

const START_MS = 19_675 * 86_400_000
const windowMs = 1_000

describeRedis('a reservation in a window that ends long before it', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  const stand = (policy: Policy) => {
    stands += 1
    let ms = START_MS
    const now = () => ms * 1_000
    const limits = { rps: policy }
    const own = `${prefix}-${stands}`
    const limiter = redisLimiter({ client: redis, prefix: own, limits, now, serverTime: now, deadlineMs: 10_000 })
    return {
      release: limiter.release,
      wait: (time: number) => {
        ms += time
      },
      reserve: async (id: string, cost: number, ttlMs: number) =>
        (await limiter.reserve(id, [{ limit: 'rps', key: 'k', cost }], ttlMs)).allowed,
      left: async () => (await limiter.acquire([{ limit: 'rps', key: 'k', cost: 0 }])).limits[0]?.remaining,
      rowLength: async () => {
        const [row = ''] = await redis.keys(`${own}*:rps:*`)
        return redis.strlen(row)
      },
    }
  }

  test.each<Policy>([
    { algorithm: 'FIXED_WINDOW', limit: 10, windowMs },
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs },
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs, approximate: true },
    { algorithm: 'COST_BASED', limit: '10', windowMs },
  ])('is not in the row any more once that is over: %o', async (policy) => {
    const { reserve, wait, rowLength } = stand(policy)
    for (let i = 0; i < 50; i += 1) {
      expect(await reserve(`r${i}`, 1, 3_600_000)).toBe(true)
      wait(2 * windowMs)
    }
    expect(await rowLength()).toBeLessThan(35 * 8)
  })

  test('gives nothing back of another that ends at the same instant', async () => {
    const { release, reserve, wait, left } = stand({ algorithm: 'FIXED_WINDOW', limit: 10, windowMs })
    expect(await reserve('a', 5, 40_000)).toBe(true)
    wait(windowMs)
    expect(await reserve('b', 5, 39_000)).toBe(true)
    await release('a')
    expect(await left()).toBe(5)
    await release('b')
    expect(await left()).toBe(10)
  })
})
