import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeRedis, openRedis, redisUrl } from '../../../../../test/harness/redis.ts'
import { slowLine } from '../../../../../test/harness/slow-line.ts'
import type { Policy } from '../policy.ts'
import { LimiterUnavailable, type RedisLimiterOptions, redisLimiter } from './limiter.ts'

const ten: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 3_600_000 }
const limits = { open: ten, closed: ten, local: ten }
const onFailure = { open: 'open', closed: 'closed' } as const
const now = () => Date.now() * 1_000

describeRedis('a server that is slow or gone', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  const stand = async (options: Partial<RedisLimiterOptions> = {}) => {
    stands += 1
    const line = await slowLine(new URL(redisUrl))
    const far = new Redis(line.port, { enableOfflineQueue: false, retryStrategy: () => 20, lazyConnect: true })
    far.on('error', () => {})
    await far.connect()
    let sent = 0
    let whole = 0
    const client: RedisLimiterOptions['client'] = {
      evalsha: (...args) => {
        sent += 1
        return far.evalsha(...args)
      },
      eval: (...args) => {
        whole += 1
        return far.eval(...args)
      },
    }
    onTestFinished(async () => {
      far.disconnect()
      await line.cut()
    })
    const limiter = redisLimiter({ client, prefix: `${prefix}-${stands}`, limits, onFailure, now, deadlineMs: 250, ...options })
    const one = (limit: string, cost = 1) => limiter.acquire([{ limit, key: 'k', cost }])
    // The first answer in a process takes its time.
    await redis.ping()
    await expect.poll(() => one('local', 0)).not.toHaveProperty('degraded')
    return { line, limiter, one, sent: () => sent, whole: () => whole }
  }

  describe('that holds its answers back', () => {
    test('is not waited for: each limit answers as it is told to, and says so', async () => {
      const { line, one } = await stand()
      line.hold()
      expect(await one('open')).toMatchObject({ allowed: true, degraded: true })
      expect(await one('closed')).toMatchObject({ allowed: false, degraded: true, limits: [{ retryAfterMs: 1_000 }] })
      expect(await one('local')).toMatchObject({ allowed: true, degraded: true, limits: [{ remaining: 9 }] })
    })

    test('leaves each server its share: three of three let through no more than the limit', async () => {
      const { line, one } = await stand({ liveServers: () => 3 })
      line.hold()
      const answers = []
      for (let i = 0; i < 12; i += 1) answers.push(await one('local'))
      expect(answers.filter(({ allowed }) => allowed)).toHaveLength(3)
      expect(answers.every(({ degraded }) => degraded)).toBe(true)
    })

    test('again, after it was back, finds a share that is used up still used up', async () => {
      const { line, one } = await stand()
      line.hold()
      expect(await one('local', 10)).toMatchObject({ allowed: true, degraded: true })
      line.letGo()
      await expect.poll(() => one('local', 0)).not.toHaveProperty('degraded')
      line.hold()
      await expect.poll(() => one('local', 0)).toMatchObject({ degraded: true })
      expect(await one('local')).toMatchObject({ allowed: false, degraded: true })
    })

    test('a limit that is closed refuses the whole request, and nothing is taken for it', async () => {
      const { line, limiter, one } = await stand()
      line.hold()
      const asks = ['open', 'local', 'closed'].map((limit) => ({ limit, key: 'k', cost: 10 }))
      expect(await limiter.acquire(asks)).toMatchObject({
        allowed: false,
        limits: [{ allowed: true }, { allowed: true }, { allowed: false }],
      })
      expect(await one('local', 10)).toMatchObject({ allowed: true })
    })

    test('a mistake of the caller is told as ever', async () => {
      const { line, one } = await stand()
      line.hold()
      for (let i = 0; i < 7; i += 1) await expect(one('none')).rejects.toThrow("there is no limit 'none'")
      for (let i = 0; i < 7; i += 1) await one('local')
      await expect(one('local', -1)).rejects.toThrow('a cost is -1')
      await expect(one('none')).rejects.toThrow("there is no limit 'none'")
    })
  })

  test('200 ms of latency is too slow for the deadline, and the answers that come too late do no harm', async () => {
    const { line, one } = await stand({ deadlineMs: 50 })
    line.delay(200)
    expect(await one('closed')).toMatchObject({ allowed: false, degraded: true })
    line.delay(0)
    await expect.poll(() => one('closed')).toMatchObject({ allowed: true })
  })

  test('when it is back it is asked again, and while it was gone by one request at a time', async () => {
    const { line, one, sent } = await stand()
    await line.cut()
    for (let i = 0; i < 5; i += 1) expect(await one('closed')).toMatchObject({ allowed: false, degraded: true })
    const before = sent()
    const storm = await Promise.all(Array.from({ length: 500 }, () => one('closed')))
    expect(storm.every(({ allowed, degraded }) => !allowed && degraded)).toBe(true)
    expect(sent() - before).toBeLessThanOrEqual(1)
    await line.mend()
    await expect.poll(() => one('closed'), { timeout: 5_000 }).not.toHaveProperty('degraded')
    expect((await Promise.all(Array.from({ length: 5 }, () => one('open')))).some(({ degraded }) => degraded)).toBe(false)
  })

  describe('is taken for gone by a clock', () => {
    const gone = async () => {
      const clock = { us: now() }
      const stood = await stand({ now: () => clock.us, deadlineMs: 1_000 })
      stood.line.hold()
      await Promise.all(Array.from({ length: 5 }, () => stood.one('closed')))
      stood.line.letGo()
      expect(await stood.one('closed')).toMatchObject({ degraded: true })
      return { ...stood, clock }
    }

    test('that is set back, and is asked again all the same', async () => {
      const { one, clock } = await gone()
      clock.us -= 3_600_000_000
      expect(await one('closed', 0)).not.toHaveProperty('degraded')
    })

    test('and mistakes of callers use up no turn to look for it', async () => {
      const { one, clock } = await gone()
      clock.us += 200_000
      await expect(one('none')).rejects.toThrow(RangeError)
      expect(await one('closed', 0)).not.toHaveProperty('degraded')
    })
  })

  test('what is given back without an answer may have been: it is not said to be worth a second try', async () => {
    const { line, limiter, one } = await stand({ deadlineMs: 50 })
    await expect.poll(async () => (await one('local', 8)).allowed).toBe(true)
    line.hold()
    await expect(limiter.giveBack('local', 'k', 3)).rejects.toThrow('what was to be given back may have been')
    await expect(limiter.reset('local', 'k')).rejects.toThrow('reset again later')
  })

  test('what was reserved without it is settled without it; what it holds is settled with it or not at all', async () => {
    const { line, limiter, one } = await stand()
    expect(await limiter.reserve('far', [{ limit: 'local', key: 'k', cost: 5 }], 60_000)).toMatchObject({ allowed: true })
    await line.cut()
    expect(await limiter.reserve('near', [{ limit: 'local', key: 'k', cost: 8 }], 60_000)).toMatchObject({
      allowed: true,
      degraded: true,
    })
    expect(await limiter.settle('near', { local: 1 })).toEqual({ state: 'settled', changed: true })
    expect((await one('local', 0)).limits[0]?.remaining).toBe(9)
    await expect(limiter.settle('far', { local: 1 })).rejects.toThrow(LimiterUnavailable)
    await line.mend()
    await expect
      .poll(() => limiter.settle('far', { local: 1 }).catch(() => undefined), { timeout: 5_000 })
      .toEqual({ state: 'settled', changed: true })
  })

  test('what it could not be asked to reserve is refused, and reserved and settled in it once it is back', async () => {
    const { line, limiter, one } = await stand()
    const reserve = () => limiter.reserve('r', [{ limit: 'closed', key: 'k', cost: 5 }], 60_000)
    await line.cut()
    for (let i = 0; i < 2; i += 1) expect(await reserve()).toMatchObject({ allowed: false, degraded: true })
    await line.mend()
    await expect.poll(() => one('closed', 0), { timeout: 5_000 }).not.toHaveProperty('degraded')
    expect(await reserve()).toMatchObject({ allowed: true, limits: [{ remaining: 5 }] })
    expect(await limiter.settle('r', { closed: 7 })).toEqual({ state: 'settled', changed: true })
    expect((await one('closed', 0)).limits[0]?.remaining).toBe(3)
  })

  test('a script that was flushed is sent again, by one of the many that miss it', async () => {
    const { one, whole } = await stand({ deadlineMs: 5_000 })
    const before = whole()
    await redis.script('FLUSH')
    const answers = await Promise.all(Array.from({ length: 100 }, () => one('closed')))
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10)
    expect(answers.some(({ degraded }) => degraded)).toBe(false)
    expect(whole() - before).toBeLessThanOrEqual(1)
  })

  test('a request that asks for nothing is allowed, with the server or without', async () => {
    const { line, limiter } = await stand()
    expect(await limiter.acquire([])).toEqual({ allowed: true, limits: [] })
    line.hold()
    expect(await limiter.acquire([])).toEqual({ allowed: true, limits: [] })
  })

  test('keys that were flushed count from nothing', async () => {
    const { one } = await stand({ deadlineMs: 5_000 })
    await one('closed', 10)
    await redis.unlink(await redis.keys(`${prefix}-${stands}*`))
    await sleep(1)
    expect(await one('closed')).toMatchObject({ allowed: true, limits: [{ remaining: 9 }] })
  })
})
