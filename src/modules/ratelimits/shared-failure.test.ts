import { pino } from 'pino'
import { expect, test } from 'vitest'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { farRedis } from '../../../test/harness/far-redis.ts'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import type { CountAnswer } from './counting.ts'
import type { OnUnavailable } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import { microseconds } from './limiter/sources.ts'
import { reporting } from './reporting.ts'
import { sharedLimiter } from './shared.ts'

const policy: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 3_600_000 }

describeRedis('counts in a Redis that is slow or gone', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  const stand = async ({ deadlineMs = 250, servers = 1, begins = 'connected' as 'connected' | 'cut' } = {}) => {
    stands += 1
    const { line, client } = await farRedis({ isCut: begins === 'cut' })
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: (text) => void lines.push(String(JSON.parse(text).msg)) })
    let sent = 0
    const shared = sharedLimiter({
      client: {
        evalsha: (...args) => {
          sent += 1
          return client.evalsha(...args)
        },
        eval: (...args) => client.eval(...args),
      },
      isCluster: false,
      prefix: `${prefix}-${stands}`,
      now: microseconds,
      seed: 1,
      deadlineMs,
      liveServers: () => servers,
      log,
    })
    const degraded: OnUnavailable[] = []
    const limiter = reporting(shared, (by) => degraded.push(by))
    const asks = (all: readonly OnUnavailable[], cost: number) =>
      all.map((onUnavailable) => countAsk(`rl_${onUnavailable}`, policy, { key: 'tenant=a', cost, onUnavailable }))
    const many = (all: readonly OnUnavailable[], cost = 1, withinMs?: number) =>
      limiter.decide(asks(all, cost), { take: true, withinMs })
    const one = async (onUnavailable: OnUnavailable, cost = 1): Promise<CountAnswer | undefined> =>
      (await many([onUnavailable], cost))[0]
    const reset = async () => {
      for (const ask of asks(['closed'], 0)) await limiter.reset(ask)
    }
    // The first answer in a process takes its time.
    await redis.ping()
    if (begins === 'connected') await expect.poll(() => one('local', 0)).toMatchObject({ degraded: false })
    degraded.length = 0
    return { line, limiter, shared, one, many, reset, degraded, lines, sent: () => sent }
  }

  test('that does not answer in time: each limit answers as it is told to, says so, and is counted as such', async () => {
    const { line, one, degraded } = await stand()
    line.hold()
    expect(await one('open')).toEqual({ fits: true, remaining: 0, resetMs: 0, retryAfterMs: 0, delayMs: 0, degraded: true })
    expect(await one('closed')).toMatchObject({ fits: false, retryAfterMs: 1_000, degraded: true })
    expect(await one('local')).toMatchObject({ fits: true, remaining: 9, degraded: true })
    expect(degraded).toEqual(['open', 'closed', 'local'])
  })

  test('the servers divide a limit that counts locally among them', async () => {
    const { line, one } = await stand({ servers: 3 })
    line.hold()
    const answers = []
    for (let i = 0; i < 12; i += 1) answers.push(await one('local'))
    expect(answers.filter((answer) => answer?.fits)).toHaveLength(3)
  })

  test('a closed limit refuses the whole request, and no local share is taken for it', async () => {
    const { line, one, many } = await stand()
    line.hold()
    expect(await many(['open', 'local', 'closed'], 10)).toMatchObject([{ fits: true }, { fits: true }, { fits: false }])
    expect(await one('local', 10)).toMatchObject({ fits: true, remaining: 0 })
    expect(await one('local')).toMatchObject({ fits: false, degraded: true })
  })

  test('a check that waits for less than the deadline takes one share, also once the deadline is over', async () => {
    const { line, one, many } = await stand({ deadlineMs: 100 })
    line.hold()
    expect(await many(['local'], 4, 10)).toMatchObject([{ fits: true, remaining: 6, degraded: true }])
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await one('local')).toMatchObject({ fits: true, remaining: 5, degraded: true })
  })

  test('once taken for gone it is tried by one request at a time, and counts go on where they were when it is back', async () => {
    const { line, shared, one, sent, lines } = await stand({ deadlineMs: 10_000 })
    await one('closed', 4)
    await line.cut()
    for (let i = 0; i < 5; i += 1) expect(await one('closed')).toMatchObject({ fits: false, degraded: true })
    expect(shared.isReachable()).toBe(false)
    const before = sent()
    const storm = await Promise.all(Array.from({ length: 500 }, () => one('closed')))
    expect(storm.every((answer) => answer?.fits === false && answer.degraded)).toBe(true)
    expect(sent() - before).toBeLessThanOrEqual(1)
    await line.mend()
    await expect.poll(() => one('closed', 0), { timeout: 10_000 }).toMatchObject({ degraded: false, remaining: 6 })
    expect(shared.isReachable()).toBe(true)
    expect(lines).toEqual([
      'Redis does not answer; until it does each rate limit answers by its on_unavailable',
      'Redis answers again; rate limits are counted in it',
    ])
  })

  test('away at the start it stops nobody, and is counted in once it is there', async () => {
    const { line, one } = await stand({ begins: 'cut', deadlineMs: 10_000 })
    expect(await one('closed')).toMatchObject({ fits: false, degraded: true })
    await line.mend()
    await expect.poll(() => one('closed'), { timeout: 10_000 }).toMatchObject({ fits: true, degraded: false })
  })

  test('a key is reset in it, or the reset fails and says that it may be said again', async () => {
    const { line, one, reset } = await stand({ deadlineMs: 10_000 })
    await one('closed', 10)
    await reset()
    expect(await one('closed', 0)).toMatchObject({ remaining: 10 })
    await line.cut()
    await expect(reset()).rejects.toMatchObject({ kind: 'unavailable', code: 'rate_limit_counts_unreachable' })
  })

  test('a mistake of the caller is told as ever, and a request that asks nothing needs no Redis', async () => {
    const { line, one, limiter } = await stand()
    line.hold()
    await expect(one('open', -1)).rejects.toThrow('a cost is -1')
    expect(await limiter.decide([], { take: true })).toEqual([])
  })
})
