import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeRedis, openRedis, redisUrl } from '../../../../../test/harness/redis.ts'
import { slowLine } from '../../../../../test/harness/slow-line.ts'
import { LimiterUnavailable } from '../redis/limiter.ts'
import { type RedisConcurrencyOptions, redisConcurrencyLimiter } from './redis.ts'

const now = () => Date.now() * 1_000

describeRedis('what is in flight over a server that is slow or gone', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  const stand = async (options: Partial<RedisConcurrencyOptions> = {}) => {
    stands += 1
    const line = await slowLine(new URL(redisUrl))
    const far = new Redis(line.port, { enableOfflineQueue: false, retryStrategy: () => 20, lazyConnect: true })
    far.on('error', () => {})
    await far.connect()
    onTestFinished(async () => {
      far.disconnect()
      await line.cut()
    })
    const all: RedisConcurrencyOptions = {
      limits: { open: 6, closed: 6, local: 6 },
      client: far,
      prefix: `${prefix}-${stands}`,
      onFailure: { open: 'open', closed: 'closed' },
      deadlineMs: 250,
      seed: 1,
      now,
      ...options,
    }
    const limiter = redisConcurrencyLimiter(all)
    /** Another server, with a line of its own. */
    const other = redisConcurrencyLimiter({ ...all, client: redis, deadlineMs: 10_000, seed: 2 })
    const ask = (limit: string, id: string, cost = 1) => limiter.acquire([{ limit, key: 'k', cost }], { id, holder: 'me' })
    // The first answer in a process takes its time.
    await redis.ping()
    await expect.poll(() => ask('local', 'first', 0)).not.toHaveProperty('degraded')
    return { line, limiter, other, ask }
  }

  describe('that holds its answers back', () => {
    test('each limit answers as it is told to, and says so', async () => {
      const { line, limiter, ask } = await stand({ retryMs: 700 })
      line.hold()
      expect(await ask('open', '1')).toMatchObject({ allowed: true, degraded: true })
      expect(await ask('closed', '2')).toMatchObject({ allowed: false, degraded: true, limits: [{ retryAfterMs: 700 }] })
      expect(await ask('local', '3')).toMatchObject({ allowed: true, degraded: true, limits: [{ remaining: 5 }] })
      const asks = ['local', 'closed'].map((limit) => ({ limit, key: 'k', cost: 5 }))
      expect(await limiter.acquire(asks, { id: '4', holder: 'me' })).toMatchObject({
        allowed: false,
        limits: [{ allowed: true }, { allowed: false }],
      })
      expect(await ask('local', '5', 5)).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
      expect(await limiter.release('3')).toBe(true)
      expect(await ask('local', '6')).toMatchObject({ allowed: true })
      await expect(ask('none', '7')).rejects.toThrow("there is no limit 'none'")
    })

    test('each of three servers has its share, and what is beyond a share is not called beyond the limit', async () => {
      const { line, ask } = await stand({ liveServers: () => 3 })
      line.hold()
      const answers = []
      for (let i = 0; i < 6; i += 1) answers.push(await ask('local', `${i}`))
      expect(answers.filter(({ allowed }) => allowed)).toHaveLength(2)
      expect(await ask('local', 'four', 4)).toMatchObject({ allowed: false, limits: [{ retryAfterMs: 1_000 }] })
      expect(await ask('local', 'seven', 7)).toMatchObject({ limits: [{ retryAfterMs: Number.POSITIVE_INFINITY }] })
    })

    test('a lease that this server knows to be held goes on, beside its share; one that it released is as any', async () => {
      const { line, other, ask, limiter } = await stand({ liveServers: () => 6 })
      for (const id of ['1', '2', '3']) expect(await ask('local', id)).toMatchObject({ allowed: true })
      expect(await limiter.release('3')).toBe(true)
      line.hold()
      expect(await ask('local', '1')).toMatchObject({ allowed: true, degraded: true, limits: [{ remaining: 0 }] })
      expect(await ask('local', 'new')).toMatchObject({ allowed: true, degraded: true })
      expect(await ask('local', '3')).toMatchObject({ allowed: false, degraded: true })
      expect(await ask('local', '2')).toMatchObject({ allowed: true, degraded: true })
      line.letGo()
      await expect.poll(() => limiter.renew('me'), { timeout: 20_000 }).toBe(3)
      await expect.poll(() => other.inFlight('local', 'k'), { timeout: 20_000 }).toBe(2)
    })

    test('a lost answer lets go of nothing that another server holds', async () => {
      const { line, other, ask, limiter } = await stand()
      expect(await other.acquire([{ limit: 'local', key: 'k' }], { id: 'its', holder: 'it' })).toMatchObject({ allowed: true })
      line.hold()
      expect(await ask('local', 'its')).toMatchObject({ allowed: true, degraded: true })
      expect(await ask('local', 'mine')).toMatchObject({ allowed: true, degraded: true })
      line.letGo()
      await expect.poll(() => limiter.drop('me'), { timeout: 20_000 }).toBeGreaterThan(0)
      await expect.poll(() => other.inFlight('local', 'k'), { timeout: 20_000 }).toBe(1)
      expect(await other.renew('it')).toBe(1)
    })

    test('what it held and nobody counts on is given up again', async () => {
      const { line, other, ask } = await stand()
      line.hold()
      expect(await ask('closed', '1')).toMatchObject({ allowed: false, degraded: true })
      line.letGo()
      await expect
        .poll(async () => [await other.renew('me'), await other.inFlight('closed', 'k')], { timeout: 20_000 })
        .toEqual([0, 0])
    })
  })

  test('when it is heard of again, a lease whose answer was lost is given up', async () => {
    stands += 1
    let server: 'there' | 'loses an answer' | 'gone' = 'there'
    const lost = new Error('Connection is closed.')
    const carried = async (send: () => Promise<unknown>): Promise<unknown> => {
      if (server === 'gone') throw lost
      const answer = await send()
      if (server === 'there') return answer
      server = 'gone'
      throw lost
    }
    const client: RedisConcurrencyOptions['client'] = {
      evalsha: (...args) => carried(() => redis.evalsha(...args)),
      eval: (...args) => carried(() => redis.eval(...args)),
    }
    const all: RedisConcurrencyOptions = {
      limits: { it: 2 },
      onFailure: { it: 'closed' },
      client,
      prefix: `${prefix}-${stands}`,
      seed: 1,
      now,
    }
    const limiter = redisConcurrencyLimiter({ ...all, deadlineMs: 10_000 })
    const ask = (id: string) => limiter.acquire([{ limit: 'it', key: 'k' }], { id, holder: 'me' })
    expect(await ask('mine')).toMatchObject({ allowed: true })
    server = 'loses an answer'
    expect(await ask('lost')).toMatchObject({ allowed: false, degraded: true })
    await expect(limiter.release('mine')).rejects.toThrow(LimiterUnavailable)
    server = 'there'
    expect(await limiter.renew('me')).toBe(2)
    await expect.poll(() => limiter.inFlight('it', 'k'), { timeout: 20_000 }).toBe(1)
    expect(await ask('lost')).toMatchObject({ allowed: true })
    expect(await limiter.renew('me')).toBe(2)
    expect(await limiter.inFlight('it', 'k')).toBe(2)
  })
})

test('a limit may be named as what every object has, and is local unless told', async () => {
  const name = 'constructor'
  const evalsha = () => Promise.reject(new Error('gone'))
  const limiter = redisConcurrencyLimiter({ limits: { [name]: 6 }, client: { evalsha, eval: evalsha }, seed: 1, now })
  const decision = await limiter.acquire([{ limit: name, key: 'k' }], { id: 'a', holder: 'me' })
  expect(decision).toMatchObject({ allowed: true, degraded: true, limits: [{ allowed: true, remaining: 5 }] })
})
