import { describe, expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { redisLimiter } from './limiter.ts'

const START_MS = 19_675 * 86_400_000
const tokens = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })
const dollars = (n: number) => n * 1_000_000_000_000

describeRedis('a reservation', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  const stand = (policy: Policy) => {
    stands += 1
    let ms = START_MS
    const now = () => ms * 1_000
    const open = () =>
      redisLimiter({
        client: redis,
        prefix: `${prefix}-${stands}`,
        limits: { tpm: policy },
        now,
        serverTime: now,
        deadlineMs: 10_000,
      })
    const limiter = open()
    return {
      limiter,
      /** The same limits from another server, which made none of the reservations. */
      other: open(),
      now,
      wait: (time: number) => {
        ms += time
      },
      reserve: async (id: string, cost: number, ttlMs = 10_000) =>
        (await limiter.reserve(id, [{ limit: 'tpm', key: 'k', cost }], ttlMs)).allowed,
      settle: (id: string, cost: number) => limiter.settle(id, { tpm: cost }),
      left: async () => (await limiter.acquire([{ limit: 'tpm', key: 'k', cost: 0 }])).limits[0]?.remaining,
    }
  }

  // QU01, BerriAI/litellm#18730: counted afterwards, all five pass with 663 tokens.
  test('QU01: estimates are held while the calls run, so that only those that fit begin', async () => {
    const { reserve } = stand(tokens(100))
    const began = []
    for (const cost of [58, 80, 175, 175, 175]) began.push(await reserve(`r${began.length}`, cost))
    expect(began).toEqual([true, false, false, false, false])
  })

  // QU02, BerriAI/litellm#23775 and #27001.
  test('QU02: the truth takes the place of the estimate once, however often and from wherever it is told', async () => {
    const { reserve, settle, limiter, other, left } = stand(tokens(1_000))
    expect(await reserve('r1', 1_000)).toBe(true)
    expect(await other.settle('r1', { tpm: 300 })).toEqual({ state: 'settled', changed: true })
    expect(await left()).toBe(700)
    expect(await settle('r1', 300)).toEqual({ state: 'settled', changed: false })
    expect(await limiter.release('r1')).toEqual({ state: 'settled', changed: false })
    expect(await left()).toBe(700)
    expect(await reserve('r2', 800)).toBe(false)
    expect(await reserve('r3', 700)).toBe(true)
    expect(await other.release('r3')).toEqual({ state: 'released', changed: true })
    expect(await limiter.release('r3')).toEqual({ state: 'released', changed: false })
    expect(await left()).toBe(700)
  })

  test('that is settled by many at once is settled by one', async () => {
    const { reserve, limiter, other, left } = stand(tokens(100))
    await reserve('a', 50)
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? limiter : other).settle('a', { tpm: 10 })))
    expect(all.filter(({ changed }) => changed)).toHaveLength(1)
    expect(await left()).toBe(90)
  })

  test('QU03: an overrun is debt: the next one is refused', async () => {
    const { reserve, settle, wait } = stand(tokens(100))
    expect(await reserve('a', 90)).toBe(true)
    await settle('a', 175)
    expect(await reserve('b', 1)).toBe(false)
    wait(60_000)
    expect(await reserve('c', 100)).toBe(true)
  })

  describe('whose holder says nothing', () => {
    test('lets go of its estimate when its time is over, and the truth counts in full if it comes after all', async () => {
      const { reserve, settle, wait, left } = stand(tokens(100))
      await reserve('a', 80, 5_000)
      wait(4_999)
      expect(await left()).toBe(20)
      wait(200)
      expect(await left()).toBe(100)
      expect(await reserve('b', 90, 5_000)).toBe(true)
      expect(await settle('a', 30)).toEqual({ state: 'settled', changed: true })
      expect(await left()).toBe(0)
      expect(await settle('a', 30)).toEqual({ state: 'settled', changed: false })
    })

    test('gives nothing back to a window that is not its own', async () => {
      for (const policy of [tokens(100), { algorithm: 'COST_BASED', limit: '0.000000000100', windowMs: 60_000 }] as const) {
        const { reserve, wait, left } = stand(policy)
        await reserve('a', 90, 70_000)
        wait(60_000)
        await reserve('b', 50, 70_000)
        wait(15_000)
        expect(await left()).toBe(50)
      }
    })

    test('is remembered for a day beyond its time', async () => {
      const { reserve } = stand(tokens(100))
      await reserve('a', 80, 5_000)
      const [key = ''] = await redis.keys(`${prefix}-${stands}*::a`)
      expect(await redis.pttl(key)).toBeGreaterThan(86_400_000)
      expect(await redis.pttl(key)).toBeLessThan(86_400_000 + 10_000)
    })
  })

  test('that nobody made is unknown', async () => {
    const { settle, limiter } = stand(tokens(100))
    expect(await settle('never', 30)).toEqual({ state: 'unknown', changed: false })
    expect(await limiter.release('never')).toEqual({ state: 'unknown', changed: false })
  })

  test('of a window that is over gives no credit in the one that runs', async () => {
    for (const policy of [tokens(100), { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 60_000 }] as const) {
      const { reserve, settle, wait, left } = stand(policy)
      await reserve('a', 90, 200_000)
      wait(130_000)
      await reserve('b', 50, 200_000)
      await settle('a', 1)
      expect(await left()).toBe(50)
    }
  })

  test('whose debt is large is paid off window by window', async () => {
    const { reserve, settle, wait, left } = stand({ algorithm: 'COST_BASED', limit: '2', windowMs: 60_000 })
    await reserve('a', dollars(1))
    await settle('a', dollars(5))
    wait(60_000) // owes 3
    expect(await reserve('b', dollars(1))).toBe(false)
    wait(60_000) // owes 1
    expect(await left()).toBe(dollars(1))
    wait(60_000)
    expect(await left()).toBe(dollars(2))
  })

  test('of several limits takes from all or none, and settles each', async () => {
    stands += 1
    const limiter = redisLimiter({
      client: redis,
      prefix: `${prefix}-${stands}`,
      limits: { rpm: tokens(1), tpm: tokens(100) },
      now: () => START_MS * 1_000,
      serverTime: () => START_MS * 1_000,
      deadlineMs: 10_000,
    })
    const asks = (tpm: number) => [
      { limit: 'rpm', key: 'k' },
      { limit: 'tpm', key: 'k', cost: tpm },
    ]
    expect((await limiter.reserve('a', asks(200), 1_000)).allowed).toBe(false)
    expect((await limiter.reserve('a', asks(60), 1_000)).allowed).toBe(true)
    expect((await limiter.reserve('b', asks(10), 1_000)).allowed).toBe(false)
    expect(await limiter.settle('a', { tpm: 70 })).toMatchObject({ changed: true })
    const { limits } = await limiter.acquire(asks(0))
    expect(limits.map(({ remaining }) => remaining)).toEqual([0, 30])
  })

  test('that was made before a reset gives nothing back after it', async () => {
    for (const policy of [
      tokens(10),
      { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000 },
      { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60_000, approximate: true },
      { algorithm: 'COST_BASED', limit: '0.00000000001', windowMs: 60_000 },
      { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, perMs: 60_000 } },
    ] as const) {
      const { reserve, limiter, left, wait } = stand(policy)
      expect(await reserve('a', 10)).toBe(true)
      await limiter.reset('tpm', 'k')
      wait(1)
      expect(await reserve('b', 10)).toBe(true)
      await limiter.release('a')
      expect(await left()).toBe(0)
      await limiter.release('b')
      expect(await left()).toBe(10)
    }
  })

  test('is not settled by the truth of a limit that it is not of, and stays open', async () => {
    const { reserve, limiter, left } = stand(tokens(100))
    await reserve('a', 60)
    await expect(limiter.settle('a', { tmp: 0 })).rejects.toThrow("reservation 'a' is not of the limit 'tmp'; it is of tpm")
    expect(await left()).toBe(40)
    expect(await limiter.settle('a', { tpm: 10 })).toEqual({ state: 'settled', changed: true })
    expect(await left()).toBe(90)
  })

  test('has an id of its own', async () => {
    const { reserve } = stand(tokens(100))
    await reserve('a', 1)
    await expect(reserve('a', 1)).rejects.toThrow("there is a reservation 'a' already")
  })

  test('many of them on one key are a few numbers in its row', async () => {
    const { reserve, wait } = stand(tokens(10_000))
    for (let i = 0; i < 300; i += 1) {
      await reserve(`r${i}`, 1, 30_000)
      wait(50)
    }
    const [row = ''] = await redis.keys(`${prefix}-${stands}*:tpm:*`)
    expect(await redis.strlen(row)).toBeLessThan(100 * 24)
  })

  test('what is given back by hand is as in memory', async () => {
    for (const policy of [
      tokens(100),
      { algorithm: 'TOKEN_BUCKET', capacity: 100, refill: { tokens: 1, perMs: 1_000 } },
      { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 60_000 },
      { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 60_000, approximate: true },
      { algorithm: 'COST_BASED', limit: '0.000000000100', windowMs: 60_000 },
    ] as const) {
      const { limiter, now, wait, left } = stand(policy)
      const memory = memoryLimiter({ limits: { tpm: policy }, now, seed: 1 })
      for (const [cost, back] of [
        [40, 10],
        [30, 100],
        [20, 3],
        [0, 5],
      ] as const) {
        await limiter.acquire([{ limit: 'tpm', key: 'k', cost }])
        await limiter.giveBack('tpm', 'k', back)
        memory.tryAcquire('tpm', 'k', cost)
        memory.giveBack('tpm', 'k', back)
        expect(await left()).toBe(memory.tryAcquire('tpm', 'k', 0).remaining)
        wait(7_000)
      }
      await limiter.reset('tpm', 'k')
      expect(await left()).toBe(100)
    }
  })
})
