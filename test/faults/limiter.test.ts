import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Decision } from '../../src/modules/ratelimits/limiter/decision.ts'
import { microseconds } from '../../src/modules/ratelimits/limiter/sources.ts'
import { hasRedisServer, openRedisProcess, type RedisProcess } from '../harness/redis-process.ts'
import { FAULTS, type FaultName, runRound, type Stand, withStand } from './limiter-rounds.ts'
import { LIMIT, openServer, type ServerOptions } from './limiter-servers.ts'

const CI = process.env.CI !== undefined && process.env.CI !== 'false'
/** In CI they fail without the program: what nobody checked is not held. */
const isLeftOut = !CI && !hasRedisServer()
const title = (text: string): string => (isLeftOut ? `${text} (no redis-server here)` : text)

/** Faults in which nobody has an answer of the store for as long as they last. */
const OUTAGES: readonly FaultName[] = ['killed', 'paused', 'failed over', '200 ms away', 'unheard', 'gone without a word']
const NAMES = Object.keys(FAULTS).filter((name): name is FaultName => name in FAULTS)

describe.skipIf(isLeftOut)(title('three servers under load, whose Redis is'), () => {
  let stand: Stand
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  let closed: Promise<void>
  beforeAll(
    () =>
      new Promise<void>((ready, fail) => {
        closed = withStand((opened) => {
          stand = opened
          ready()
          return over
        })
        closed.catch(fail)
      }),
  )
  afterAll(() => {
    end()
    return closed
  })

  test.each(NAMES)(
    '%s: each limit answers as it says, within the deadline, lets through what is bounded, and is asked again',
    async (fault) => {
      const { wrong, checks, degraded } = await runRound(stand, fault, fault, { beforeMs: 100, forMs: 300 })
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

  const stand = async (options: Partial<ServerOptions> = {}) => {
    const server = await openServer({ url: redis.url, liveServers: () => 1, deadlineMs: PATIENT_MS, ...options })
    onTestFinished(() => server.close())
    await redis.admin.flushall()
    const ask = (count: number): Promise<Decision[]> =>
      Promise.all(Array.from({ length: count }, () => server.limiter.acquire([{ limit: 'closed', key: 'k' }])))
    const admitted = async (count: number): Promise<number> => (await ask(count)).filter(({ allowed }) => allowed).length
    return { ...server, ask, admitted }
  }

  test('is flushed lets through one more limit, and not one request beyond it', async () => {
    const { limiter, admitted } = await stand()
    await limiter.reserve('before', [{ limit: 'local', key: 'k' }], 60_000)
    expect(await admitted(LIMIT + 100)).toBe(LIMIT)
    await redis.admin.flushall()
    expect(await admitted(LIMIT + 100)).toBe(LIMIT)
    expect(await admitted(100)).toBe(0)
    expect(await limiter.settle('before', { local: 1 })).toEqual({ state: 'unknown', changed: false })
  })

  test('has its scripts flushed in the middle lets through the limit', async () => {
    const { ask, admitted } = await stand()
    const [first, , second] = await Promise.all([ask(400), redis.admin.script('FLUSH'), ask(400)])
    expect([...first, ...second].filter(({ allowed }) => allowed)).toHaveLength(LIMIT)
    expect(await admitted(100)).toBe(0)
  })

  test("counts by its own time: a server's clock that is set counts for nothing", async () => {
    let offUs = 0
    const { admitted } = await stand({ offUs: () => offUs })
    expect(await admitted(LIMIT - 10)).toBe(LIMIT - 10)
    for (offUs of [90 * 86_400_000_000, -90 * 86_400_000_000]) expect(await admitted(5)).toBe(5)
    expect(await admitted(10)).toBe(0)
  })

  test('has its clock set back lets nobody through early; set ahead of the window, one more limit', async () => {
    const DAY_US = 86_400_000_000
    let at = microseconds()
    const { admitted } = await stand({ serverTime: () => at })
    expect(await admitted(LIMIT + 10)).toBe(LIMIT)
    at -= 20 * DAY_US
    expect(await admitted(10)).toBe(0)
    at += 60 * DAY_US
    expect(await admitted(LIMIT + 10)).toBe(LIMIT)
    at -= 60 * DAY_US
    expect(await admitted(10)).toBe(0)
  })

  test('is paused is sent what was under way and then one command in 200 ms; when it goes on it has no more than these to do', async () => {
    const { limiter, ask, sent } = await stand({ deadlineMs: 50 })
    const UNDER_WAY = 300
    const counted = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.admin.info('commandstats'))?.[1] ?? 0)
    const look = () => limiter.acquire([{ limit: 'closed', key: 'k', cost: 0 }])
    await expect.poll(look).not.toHaveProperty('degraded')
    const [before, sentBefore] = [await counted(), sent()]
    redis.pause()
    const began = performance.now()
    expect((await ask(UNDER_WAY)).every(({ allowed, degraded }) => !allowed && degraded)).toBe(true)
    for (let i = 0; i < 40; i += 1) {
      expect((await ask(50)).every(({ allowed, degraded }) => !allowed && degraded)).toBe(true)
      await sleep(10)
    }
    const probes = Math.ceil((performance.now() - began) / 200) + 1
    const out = sent() - sentBefore
    redis.resume()
    expect(out).toBeLessThanOrEqual(UNDER_WAY + probes)
    await expect.poll(async () => (await counted()) - before, { timeout: 10_000 }).toBe(out)
    await expect.poll(look, { timeout: 10_000 }).not.toHaveProperty('degraded')
  })

  test('has become a replica lets nobody through: each limit answers for itself until the address leads to a primary', async () => {
    const { limiter, line } = await stand()
    const other = await openRedisProcess()
    onTestFinished(async () => {
      await redis.admin.call('REPLICAOF', 'NO', 'ONE')
      await other.close()
    })
    await redis.admin.replicaof(other.url.hostname, other.url.port)
    await expect.poll(() => redis.admin.info('replication'), { timeout: 20_000 }).toContain('master_link_status:up')
    const ask = (limit: string) => limiter.acquire([{ limit, key: 'replica' }])
    expect(await ask('closed')).toMatchObject({ allowed: false, degraded: true })
    expect(await ask('open')).toMatchObject({ allowed: true, degraded: true })
    expect(await ask('local')).toMatchObject({ allowed: true, degraded: true, limits: [{ remaining: LIMIT - 1 }] })
    line.leadTo(other.url)
    await expect.poll(() => ask('closed'), { timeout: 10_000 }).not.toHaveProperty('degraded')
  })
})
