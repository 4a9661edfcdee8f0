import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import type { Policy } from '../policy.ts'
import { groupOfAll, rowKeys, tagOf } from './keys.ts'
import { redisLimiter } from './limiter.ts'

const rowKey = (prefix: string, group: string, limit: string, layout: string, key: string) =>
  rowKeys(prefix, limit, layout)(group, key)

test('no limit, group or key can be taken for another', () => {
  const keys = [
    rowKey('rl', 'a', 'b:c', 'fixed', 'd'),
    rowKey('rl', 'a', 'b', 'c:fixed', 'd'),
    rowKey('rl', 'a}:{b', 'c', 'fixed', 'd'),
    rowKey('rl', 'a', 'b', 'fixed', 'c:d'),
    rowKey('r{x}l', 'a', 'b', 'fixed', 'c:d'),
  ]
  expect(new Set(keys).size).toBe(keys.length)
  expect(keys.map(tagOf)).toEqual(['a', 'a', 'a%7D%3A%7Bb', 'a', 'a'])
  expect(tagOf(rowKey('rl', '', 'b', 'fixed', 'c'))).toBe('-')
})

const keyed = (...keys: readonly string[]) => keys.map((key) => ({ key }))

test('a request whose keys are of two groups is refused in words', () => {
  expect(groupOfAll(keyed('user:{t1}:7', 'ip:{t1}'), tagOf)).toBe('t1')
  expect(groupOfAll(keyed('user7', 'ip'), tagOf)).toBe('')
  expect(() => groupOfAll(keyed('user:{t1}', 'user:{t2}'), tagOf)).toThrow(
    /groups 't1', 't2', which may lie on different servers/,
  )
  expect(() => groupOfAll(keyed('user:{t1}'), tagOf, 'r{t2}')).toThrow(/groups 't2', 't1'/)
})

describeRedis('what is stored', () => {
  const { redis, prefix } = openRedis()
  const now = () => Date.now() * 1_000

  test('lies under one tag for a group, and reservations with it', async () => {
    const limits: Record<string, Policy> = {
      a: { algorithm: 'FIXED_WINDOW', limit: 5, windowMs: 60_000 },
      b: { algorithm: 'SLIDING_WINDOW', limit: 5, windowMs: 60_000 },
    }
    const limiter = redisLimiter({ client: redis, prefix: `${prefix}-slot`, limits, now, deadlineMs: 10_000 })
    const asks = [
      { limit: 'a', key: '{t1}:u' },
      { limit: 'b', key: '{t1}' },
    ]
    await limiter.acquire(asks)
    await limiter.reserve('{t1}r', asks, 1_000)
    await expect(limiter.reserve('r', asks, 1_000)).rejects.toThrow('different servers')
    await expect(limiter.acquire([...asks.slice(0, 1), { limit: 'b', key: '{t2}' }])).rejects.toThrow('different servers')
    const keys = await redis.keys(`${prefix}-slot*`)
    expect(keys).toHaveLength(3)
    expect(new Set(keys.map(tagOf))).toEqual(new Set(['t1']))
  })

  const policies: Readonly<Record<string, Policy>> = {
    'a window of 5 ms': { algorithm: 'FIXED_WINDOW', limit: 5, windowMs: 5, anchor: 'first_use' },
    'half a second': { algorithm: 'SLIDING_WINDOW', limit: 5, windowMs: 500 },
    'two counters': { algorithm: 'SLIDING_WINDOW', limit: 5, windowMs: 700, approximate: true },
    'a bucket': { algorithm: 'TOKEN_BUCKET', capacity: 5, refill: { tokens: 1, perMs: 100 } },
    'a bucket by intervals': { algorithm: 'TOKEN_BUCKET', capacity: 5, refill: { tokens: 5, perMs: 100 }, mode: 'interval' },
    'a year': { algorithm: 'FIXED_WINDOW', limit: 5, windowMs: 366 * 86_400_000 },
    'a month of the calendar': { algorithm: 'FIXED_WINDOW', limit: 5, anchor: { unit: 'month', timeZone: 'Europe/Berlin' } },
    money: { algorithm: 'COST_BASED', limit: '5', windowMs: 1_000 },
  }
  for (const [name, policy] of Object.entries(policies))
    test(`of ${name} goes by itself when it is as if never used, by the server's own time`, async () => {
      const own = `${prefix}-${name.replaceAll(' ', '-')}`
      const limiter = redisLimiter({ client: redis, prefix: own, limits: { it: policy }, now, deadlineMs: 10_000 })
      const decision = await limiter.acquire([{ limit: 'it', key: 'k' }])
      expect(decision.allowed).toBe(true)
      const resetMs = decision.limits[0]?.resetMs ?? 0
      const [key] = await redis.keys(`${own}*`)
      if (key === undefined) return expect(resetMs).toBeLessThan(50)
      const pttl = await redis.pttl(key)
      expect(pttl === -2 || pttl > 0).toBe(true)
      expect(pttl).toBeLessThanOrEqual(Math.max(resetMs, 1_000) + 2 ** 24 / 1_000 + 1)
    })

  test('stays as long as it counts, and a step more at the most, however it grows', async () => {
    const limits: Record<string, Policy> = {
      bucket: { algorithm: 'TOKEN_BUCKET', capacity: 1_000, refill: { tokens: 10, perMs: 1_000 } },
      window: { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: 3_600_000 },
      sliding: { algorithm: 'SLIDING_WINDOW', limit: 1_000, windowMs: 60_000 },
    }
    const own = `${prefix}-kept`
    const limiter = redisLimiter({ client: redis, prefix: own, limits, now, deadlineMs: 10_000 })
    const lefts: number[] = []
    const takes: readonly (readonly string[])[] = [['bucket'], ['bucket', 'window'], ['sliding', 'bucket', 'window'], ['window']]
    for (let turn = 0; turn < 12; turn += 1)
      for (const names of takes) {
        await limiter.acquire(names.map((limit) => ({ limit, key: 'k', cost: 25 })))
        for (const limit of names) {
          const [key = ''] = await redis.keys(`${own}*:${limit}:*`)
          const pttl = await redis.pttl(key)
          const { limits: told } = await limiter.acquire([{ limit, key: 'k', cost: 0 }])
          lefts.push(pttl - (told[0]?.resetMs ?? 0))
        }
      }
    expect(lefts).toHaveLength(12 * 7)
    expect(Math.min(...lefts)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...lefts)).toBeLessThan(2 ** 24 / 1_000 + 1_000)
  })

  test('stays until its last use, also once that is given back by a clock that stepped back', async () => {
    // A row is kept to the end of a step, and is written in place where what it counts ends within the one that it is kept to.
    let time = Math.ceil(now() / 2 ** 24) * 2 ** 24
    const limits: Record<string, Policy> = {
      bucket: { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, perMs: 1_000 } },
      window: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 1_000 },
    }
    const own = `${prefix}-back`
    const serverTime = () => time
    const limiter = redisLimiter({ client: redis, prefix: own, limits, now, serverTime, deadlineMs: 10_000 })
    const dayMs = 86_400_000
    for (const limit of Object.keys(limits)) {
      const take = () => limiter.acquire([{ limit, key: 'k', cost: 5 }])
      await take()
      time -= dayMs * 1_000
      await limiter.giveBack(limit, 'k', 5)
      await take()
      const [key = ''] = await redis.keys(`${own}*:${limit}:*`)
      expect(await redis.pttl(key)).toBeGreaterThan(dayMs)
    }
  })

  test('of a limit that is named as what every object has is settled as any', async () => {
    const name = 'constructor'
    const year: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 366 * 86_400_000 }
    const limiter = redisLimiter({ client: redis, prefix: `${prefix}-named`, limits: { [name]: year }, now, deadlineMs: 10_000 })
    await limiter.reserve('a', [{ limit: name, key: 'k', cost: 3 }], 60_000)
    expect(await limiter.settle('a', {})).toEqual({ state: 'settled', changed: true })
    expect(await limiter.acquire([{ limit: name, key: 'k', cost: 0 }])).toMatchObject({ limits: [{ remaining: 7 }] })
  })

  test('a process whose clock is wrong by weeks counts in the month that the server is in', async () => {
    const limits: Record<string, Policy> = {
      it: { algorithm: 'FIXED_WINDOW', limit: 5, anchor: { unit: 'minute', timeZone: 'UTC' } },
    }
    for (const wrong of [-40 * 86_400_000, 0, 40 * 86_400_000]) {
      const limiter = redisLimiter({
        client: redis,
        prefix: `${prefix}-clock`,
        limits,
        now: () => now() + wrong * 1_000,
        deadlineMs: 10_000,
      })
      const { limits: told } = await limiter.acquire([{ limit: 'it', key: `k${wrong}` }])
      expect(told[0]?.resetMs).toBeGreaterThan(0)
      expect(told[0]?.resetMs).toBeLessThanOrEqual(60_000)
    }
  })
})
