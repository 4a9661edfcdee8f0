import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { microseconds } from '../../src/modules/ratelimits/limiter/sources.ts'
import { hasRedisServer, openRedisProcess, type RedisProcess } from '../harness/redis-process.ts'
import { heldOpen } from './held-open.ts'
import { stepServerClock } from './limiter-clock.ts'
import { FAULT_NAMES, type FaultName, runRound, type Stand, withStand } from './limiter-rounds.ts'
import { KINDS, LIMIT, type Name, openEmbedded, type Server, type ServerOptions, type Told } from './limiter-servers.ts'

const CI = process.env.CI !== undefined && process.env.CI !== 'false'
/** In CI they fail without the program: what nobody checked is not held. */
const isLeftOut = !CI && !hasRedisServer()
const title = (text: string): string => (isLeftOut ? `${text} (no redis-server here)` : text)

/** Faults in which nobody has an answer of the store for as long as they last. */
const OUTAGES: readonly FaultName[] = ['killed', 'paused', 'failed over', '200 ms away', 'unheard', 'gone without a word']

describe.skipIf(isLeftOut).each(KINDS)(title('three %s under load, whose Redis is'), (_, open) => {
  const stand = heldOpen<Stand>((work) => withStand(open, work))

  test.each(FAULT_NAMES)(
    '%s: each limit answers as it says, within the deadline, lets through what is bounded, and is asked again',
    async (fault) => {
      const { wrong, checks, degraded } = await runRound(stand(), fault, fault, { beforeMs: 100, forMs: 300 })
      expect(wrong).toEqual([])
      expect(checks).toBeGreaterThan(degraded)
      if (OUTAGES.includes(fault)) expect(degraded).toBeGreaterThan(0)
    },
    60_000,
  )
})

describe.skipIf(isLeftOut)(title('a limit whose Redis'), () => {
  const PATIENT_MS = 20_000
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await openRedisProcess()
  })
  afterAll(() => redis?.close())

  const opened = async <T extends Server>(
    open: (options: ServerOptions) => Promise<T>,
    options: Partial<ServerOptions> = {},
  ): Promise<T> => {
    const server = await open({ url: redis.url, liveServers: () => 1, deadlineMs: PATIENT_MS, ...options })
    onTestFinished(() => server.close())
    await redis.admin.flushall()
    return server
  }
  const stand = async (open: (typeof KINDS)[number][1], options: Partial<ServerOptions> = {}) => {
    const server = await opened(open, options)
    const one = async (name: Name, key = 'k', cost = 1): Promise<Told | undefined> => (await server.ask([name], key, cost))[0]
    const ask = (count: number, name: Name = 'closed') => Promise.all(Array.from({ length: count }, () => one(name)))
    const admitted = async (count: number, name: Name = 'closed'): Promise<number> =>
      (await ask(count, name)).filter((told) => told?.fits).length
    return { ...server, one, ask, admitted }
  }

  test('is flushed no longer knows what was reserved before', async () => {
    const { limiter } = await opened(openEmbedded)
    await limiter.reserve('before', [{ limit: 'local', key: 'k' }], 60_000)
    await redis.admin.flushall()
    expect(await limiter.settle('before', { local: 1 })).toEqual({ state: 'unknown', changed: false })
  })

  describe.each(KINDS)('counted for %s', (_, open) => {
    test('is flushed lets through one more limit, and not one request beyond it', async () => {
      const { admitted } = await stand(open)
      expect(await admitted(LIMIT + 100)).toBe(LIMIT)
      await redis.admin.flushall()
      expect(await admitted(LIMIT + 100)).toBe(LIMIT)
      expect(await admitted(100)).toBe(0)
    })

    test('has its scripts flushed in the middle lets through the limit', async () => {
      const { ask, admitted } = await stand(open)
      const [first, , second] = await Promise.all([ask(400), redis.admin.script('FLUSH'), ask(400)])
      expect([...first, ...second].filter((told) => told?.fits)).toHaveLength(LIMIT)
      expect(await admitted(100)).toBe(0)
    })

    test("counts by its own time: a server's clock that is set counts for nothing", async () => {
      let offUs = 0
      const { admitted } = await stand(open, { offUs: () => offUs })
      expect(await admitted(LIMIT - 10)).toBe(LIMIT - 10)
      for (offUs of [90 * 86_400_000_000, -90 * 86_400_000_000]) expect(await admitted(5)).toBe(5)
      expect(await admitted(10)).toBe(0)
    })

    test('has its clock set back lets nobody through early; set ahead of the window, one more limit', async () => {
      const DAY_US = 86_400_000_000
      let at = microseconds()
      const { admitted } = await stand(open, { serverTime: () => at })
      expect(await admitted(LIMIT + 10)).toBe(LIMIT)
      at -= 20 * DAY_US
      expect(await admitted(10)).toBe(0)
      at += 60 * DAY_US
      expect(await admitted(LIMIT + 10)).toBe(LIMIT)
      at -= 60 * DAY_US
      expect(await admitted(10)).toBe(0)
    })

    test('has the clock of its machine set back 20 days and ahead 65 lets through what was not taken by then', async ({
      skip,
    }) => {
      const wrong = await stepServerClock(open)
      skip(wrong === undefined, 'needs Linux and a C compiler')
      expect(wrong).toEqual([])
    })

    test('is paused is sent what was under way and then one command in 200 ms; when it goes on it has no more than these to do', async () => {
      const { one, ask, sent } = await stand(open, { deadlineMs: 50 })
      const UNDER_WAY = 300
      const counted = async (): Promise<number> =>
        Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.admin.info('commandstats'))?.[1] ?? 0)
      const look = () => one('closed', 'k', 0)
      await expect.poll(look).toMatchObject({ degraded: false })
      const [before, sentBefore] = [await counted(), sent()]
      redis.pause()
      const began = performance.now()
      expect((await ask(UNDER_WAY)).every((told) => told && !told.fits && told.degraded)).toBe(true)
      for (let i = 0; i < 40; i += 1) {
        expect((await ask(50)).every((told) => told && !told.fits && told.degraded)).toBe(true)
        await sleep(10)
      }
      const probes = Math.ceil((performance.now() - began) / 200) + 1
      const out = sent() - sentBefore
      redis.resume()
      expect(out).toBeLessThanOrEqual(UNDER_WAY + probes)
      await expect.poll(async () => (await counted()) - before, { timeout: 10_000 }).toBe(out)
      await expect.poll(look, { timeout: 10_000 }).toMatchObject({ degraded: false })
    })

    test('has become a replica lets nobody through: each limit answers for itself until the address leads to a primary', async () => {
      const { one, line } = await stand(open)
      const other = await openRedisProcess()
      onTestFinished(async () => {
        await redis.admin.call('REPLICAOF', 'NO', 'ONE')
        await other.close()
      })
      await redis.admin.replicaof(other.url.hostname, other.url.port)
      await expect.poll(() => redis.admin.info('replication'), { timeout: 20_000 }).toContain('master_link_status:up')
      expect(await one('closed', 'replica')).toMatchObject({ fits: false, degraded: true })
      expect(await one('open', 'replica')).toMatchObject({ fits: true, degraded: true })
      expect(await one('local', 'replica')).toMatchObject({ fits: true, degraded: true, remaining: LIMIT - 1 })
      line.leadTo(other.url)
      await expect.poll(() => one('closed', 'replica'), { timeout: 10_000 }).toMatchObject({ degraded: false })
    })
  })
})
