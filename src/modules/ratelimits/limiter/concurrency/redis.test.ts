import fc from 'fast-check'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { describeRedis, openRedis, redisUrl } from '../../../../../test/harness/redis.ts'
import { tagOf } from '../redis/keys.ts'
import { concurrencyLimiter } from './memory.ts'
import { type RedisConcurrencyOptions, redisConcurrencyLimiter } from './redis.ts'

const START_MS = 19_675 * 86_400_000
const LIFETIMES = { holderTtlMs: 100, leaseTtlMs: 250 }
const CI = process.env.CI !== undefined && process.env.CI !== 'false'

const names = fc.constantFrom('a', 'aa', '1:a', 'é\u{ffff}', '')
const id = fc.constantFrom('0', '1', '2', 'a', 'aa', ':', '\u{10ffff}', '')
const asks = fc.uniqueArray(
  fc.record(
    {
      limit: fc.constantFrom('x', 'x:y'),
      key: fc.constantFrom('k', 'y:k'),
      cost: fc.integer({ min: 0, max: 4 }),
      most: fc.integer({ min: 0, max: 6 }),
    },
    { requiredKeys: ['limit', 'key', 'cost'] },
  ),
  { selector: ({ limit }) => limit, maxLength: 2 },
)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('acquire' as const), id, holder: names, asks }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), holder: names }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), holder: names }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), limit: fc.constantFrom('x', 'x:y') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('setLimit' as const), most: fc.integer({ min: 0, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: -50, max: 120 }) }) },
)

describeRedis('what is in flight over Redis', () => {
  const { redis, prefix } = openRedis()
  let stands = 0
  const options = (more: Partial<RedisConcurrencyOptions> = {}): RedisConcurrencyOptions => ({
    limits: { agents: 2, site: 3 },
    client: redis,
    prefix: `${prefix}-${stands}`,
    now: () => Date.now() * 1_000,
    seed: 1,
    deadlineMs: 10_000,
    ...more,
  })

  /** Two servers on the same leases, under a time of the test's. */
  const stand = (more: Partial<RedisConcurrencyOptions> = {}) => {
    stands += 1
    let ms = START_MS
    const now = () => ms * 1_000
    const all = options({ now, serverTime: now, holderTtlMs: 1_000, ...more })
    const [limiter, other] = [redisConcurrencyLimiter(all), redisConcurrencyLimiter({ ...all, seed: 2 })]
    return {
      limiter,
      other,
      wait: (time: number) => {
        ms += time
      },
      ask: async (id: string, holder = 'a', key = 't1', from = limiter) =>
        (await from.acquire([{ limit: 'agents', key }], { id, holder })).allowed,
    }
  }

  test('answers as memory does, step by step, over any calls, names, limits and a clock that steps back', {
    timeout: 300_000,
  }, async () => {
    let steps = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), async (script) => {
        stands += 1
        let ms = START_MS
        const now = () => ms * 1_000
        const limits = { x: 3, 'x:y': 5 }
        const memory = concurrencyLimiter({ limits, ...LIFETIMES, maxLeases: 5, now })
        const limiter = redisConcurrencyLimiter(options({ limits, ...LIFETIMES, maxLeases: 5, now, serverTime: now }))
        for (const one of script) {
          steps += 1
          if (one.do === 'wait') ms += one.ms
          if (one.do === 'setLimit') for (const each of [memory, limiter]) each.setLimit('x', one.most)
          if (one.do === 'acquire') expect(await limiter.acquire(one.asks, one)).toEqual(memory.tryAcquireAll(one.asks, one))
          if (one.do === 'release') expect(await limiter.release(one.id)).toBe(memory.release(one.id))
          if (one.do === 'renew') expect(await limiter.renew(one.holder)).toBe(memory.renew(one.holder))
          if (one.do === 'drop') expect(await limiter.drop(one.holder)).toBe(memory.drop(one.holder))
          if (one.do === 'reset') expect(await limiter.reset(one.limit, 'k')).toBe(memory.reset(one.limit, 'k'))
          for (const limit of Object.keys(limits)) expect(await limiter.inFlight(limit, 'k')).toBe(memory.inFlight(limit, 'k'))
        }
      }),
      { seed: 3, numRuns: CI ? 300 : 60 },
    )
    expect(steps).toBeGreaterThan(CI ? 10_000 : 2_000)
  })

  describe('a lease', () => {
    test('of a holder that died frees its place at its end, and not before', async () => {
      const { ask, limiter, other, wait } = stand()
      expect([await ask('1', 'dead'), await ask('2', 'alive')]).toEqual([true, true])
      wait(999)
      expect(await limiter.renew('alive')).toBe(1)
      expect(await ask('3', 'next', 't1', other)).toBe(false)
      wait(1)
      expect(await ask('3', 'next', 't1', other)).toBe(true)
      expect(await limiter.release('1')).toBe(false)
      expect(await other.inFlight('agents', 't1')).toBe(2)
      expect(await limiter.renew('dead')).toBe(0)
    })

    test("frees it by the server's own clock too, and leaves nothing behind", async () => {
      stands += 1
      const limiter = redisConcurrencyLimiter(options({ limits: { agents: 1 }, holderTtlMs: 1_500 }))
      const acquire = (id: string) => limiter.acquire([{ limit: 'agents', key: 'k' }], { id, holder: id })
      expect(await acquire('1')).toMatchObject({ allowed: true })
      const keys = await redis.keys(`${prefix}-${stands}*`)
      expect(keys).toHaveLength(5)
      const ttls = await Promise.all(keys.map((key) => redis.pttl(key)))
      expect(ttls.filter((ms) => ms === -1 || ms > 1_500)).toEqual([])
      await expect.poll(() => acquire('2'), { timeout: 20_000 }).toMatchObject({ allowed: true })
      await expect.poll(() => redis.keys(`${prefix}-${stands}*`), { timeout: 20_000 }).toEqual([])
    })

    test('is released once, and held once, from whichever server that is asked', async () => {
      const { ask, limiter, other } = stand()
      for (const from of [limiter, other, limiter]) expect(await ask('1', 'a', 't1', from)).toBe(true)
      expect(await limiter.inFlight('agents', 't1')).toBe(1)
      expect([await other.release('1'), await limiter.release('1'), await limiter.release('never')]).toEqual([true, false, false])
      expect(await ask('1')).toBe(true)
      expect(await other.renew('a')).toBe(1)
      expect(await other.drop('a')).toBe(1)
      expect(await limiter.inFlight('agents', 't1')).toBe(0)
    })

    test('lives with its holder in each group of keys, and ends with it in each', async () => {
      const { limiter, other, ask, wait } = stand()
      for (const tenant of ['{t1}', '{t2}', '{t3}']) expect(await ask(`${tenant}1`, 'server', tenant)).toBe(true)
      for (let rounds = 0; rounds < 3; rounds += 1) {
        wait(900)
        expect(await limiter.renew('server')).toBe(3)
      }
      expect(await limiter.release('{t3}1')).toBe(true)
      expect(await limiter.drop('server')).toBe(2)
      for (const tenant of ['{t1}', '{t2}', '{t3}']) expect(await other.inFlight('agents', tenant)).toBe(0)
      const keys = await redis.keys(`${prefix}-${stands}*`)
      expect(new Set(keys.map(tagOf))).toEqual(new Set(['t1', 't2', 't3', '-']))
    })
  })

  test('2,000 at once from two connections against 100 admit exactly 100', async () => {
    stands += 1
    const second = new Redis(redisUrl)
    const servers = [redis, second].map((client) => redisConcurrencyLimiter(options({ client, limits: { agents: 100 } })))
    const decisions = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        servers.map((server, i) => server.acquire([{ limit: 'agents', key: 'k' }], { id: `${i}-${n}`, holder: `${i}` })),
      ).flat(),
    )
    second.disconnect()
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(100)
    expect(decisions.some(({ degraded }) => degraded)).toBe(false)
    expect(await servers[0]?.inFlight('agents', 'k')).toBe(100)
    expect(await servers[0]?.renew('0')).toBe(decisions.filter(({ allowed }, i) => allowed && i % 2 === 0).length)
  })

  test('a holder of thousands ends whole, and takes nothing of the others with it', async () => {
    const { limiter, wait } = stand({ limits: { agents: 10_000, site: 10_000 } })
    const acquire = (id: string, holder: string) =>
      limiter.acquire(
        [
          { limit: 'agents', key: `k${id.length % 2}`, cost: 2 },
          { limit: 'site', key: 'all' },
        ],
        { id, holder },
      )
    await Promise.all(Array.from({ length: 2_500 }, (_, n) => acquire(`${n}`, 'dead')))
    wait(500)
    await acquire('mine', 'alive')
    wait(500)
    expect(await limiter.inFlight('site', 'all')).toBe(1)
    expect([await limiter.inFlight('agents', 'k0'), await limiter.inFlight('agents', 'k1')]).toEqual([2, 0])
    expect(await limiter.renew('dead')).toBe(0)
    expect(await limiter.release('mine')).toBe(true)
    expect(await limiter.inFlight('site', 'all')).toBe(0)
  })

  test('a script that was flushed is sent again', async () => {
    const { ask } = stand()
    expect(await ask('1')).toBe(true)
    await redis.script('FLUSH')
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => ask(`more-${n}`)))
    expect(answers.filter((allowed) => allowed)).toHaveLength(1)
  })

  test('mistakes are told in words, and hold nothing', async () => {
    const { limiter } = stand()
    const lease = { id: '1', holder: 'a' }
    const twice = { limit: 'agents', key: 'k' }
    await expect(limiter.acquire([{ limit: 'that', key: 'k' }], lease)).rejects.toThrow(
      "there is no limit 'that'; there are agents, site",
    )
    await expect(limiter.acquire([twice, twice], lease)).rejects.toThrow(/stands twice/)
    await expect(limiter.acquire([{ ...twice, cost: -1 }], lease)).rejects.toThrow(RangeError)
    await expect(limiter.acquire([{ limit: 'agents', key: '{t1}' }], lease)).rejects.toThrow(/groups '', 't1'/)
    await expect(limiter.inFlight('that', 'k')).rejects.toThrow(RangeError)
    expect(() => limiter.setLimit('agents', -1)).toThrow(RangeError)
    expect(() => redisConcurrencyLimiter(options({ holderTtlMs: 0 }))).toThrow(RangeError)
    expect(await limiter.acquire([], lease)).toEqual({ allowed: true, limits: [] })
    expect(await limiter.inFlight('agents', 'k')).toBe(0)
  })
})
