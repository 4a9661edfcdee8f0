import { expect, test } from 'vitest'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { silent } from '../../../test/harness/database.ts'
import { farRedis } from '../../../test/harness/far-redis.ts'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import type { CountAsk } from './counting.ts'
import type { OnUnavailable } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import { microseconds } from './limiter/sources.ts'
import { type SharedLimiter, sharedLimiter } from './shared.ts'

const policy: Policy = { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: 3_600_000, anchor: 'first_use' }
/** What a server holds of it at most. */
const MOST = 20

describeRedis('leased limits whose Redis is slow or gone', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  const stand = async ({ deadlineMs = 10_000 } = {}) => {
    stands += 1
    const { line, client } = await farRedis()
    const own = { isCluster: false, prefix: `${prefix}-${stands}`, now: microseconds, seed: 1, liveServers: () => 2, log: silent }
    /** As a Cluster of which one server is gone: that of these rows. */
    let lost = 'none'
    const unless = (row: string | undefined, work: () => Promise<unknown>): Promise<unknown> =>
      row?.includes(lost) ? Promise.reject(new Error('its server is gone')) : work()
    const limiter = sharedLimiter({
      ...own,
      client: {
        evalsha: (sha, count, ...args) => unless(args[0], () => client.evalsha(sha, count, ...args)),
        eval: (script, count, ...args) => unless(args[0], () => client.eval(script, count, ...args)),
      },
      deadlineMs,
    })
    const lose = (name: string): void => {
      lost = `rl_${name}`
    }
    /** Another server, whose Redis is always there. */
    const other = sharedLimiter({ ...own, client: redis, deadlineMs: 60_000 })
    const ask = (name: string, onUnavailable: OnUnavailable, leased: boolean, cost = 1): CountAsk =>
      countAsk(`rl_${name}`, policy, { key: 'global', cost, onUnavailable, leased })
    const all = (onUnavailable: OnUnavailable = 'closed') => ask('all', onUnavailable, true)
    const tenant = (onUnavailable: OnUnavailable) => ask('tenant', onUnavailable, false)
    const decide = (asks: readonly CountAsk[], by: SharedLimiter = limiter) => by.decide(asks, { take: true })
    /** Until a block is held. */
    const warm = async (): Promise<void> => {
      for (let n = 0; n < 30; n += 1) expect(await decide([all()])).toMatchObject([{ fits: true, degraded: false }])
    }
    const left = async (of = all()) => (await other.decide([{ ...of, cost: 0 }], { take: false }))[0]?.remaining ?? Number.NaN
    return { line, limiter, other, all, tenant, decide, warm, left, lose }
  }

  test('a block is served without it to its end; then the limit answers as it is told to', async () => {
    const { line, all, decide, warm, left } = await stand()
    await warm()
    const before = await left()
    await line.cut()
    const own: boolean[] = []
    for (;;) {
      const [answer] = await decide([all()])
      if (answer?.degraded) break
      own.push(answer?.fits ?? false)
    }
    expect(own.every((fits) => fits)).toBe(true)
    expect(own.length).toBeGreaterThan(0)
    // All of it was counted before: what others see has not changed.
    expect(1_000 - 30 - own.length).toBeGreaterThanOrEqual(before)
    expect(own.length).toBeLessThanOrEqual(MOST)
    expect(await decide([all('closed')])).toMatchObject([{ fits: false, degraded: true, retryAfterMs: 1_000 }])
    expect(await decide([all('open')])).toMatchObject([{ fits: true, degraded: true }])
    expect(await decide([all('local')])).toMatchObject([{ fits: true, remaining: 499, degraded: true }])
    await line.mend()
    await expect.poll(() => decide([all()]), { timeout: 10_000 }).toMatchObject([{ fits: true, degraded: false }])
  })

  test('what is not leased and cannot be reached answers as it is told to; refused, the block keeps its token', async () => {
    const { line, limiter, all, tenant, decide, warm } = await stand()
    await warm()
    await line.cut()
    for (let n = 0; n < 3 * MOST; n += 1)
      expect(await decide([all('open'), tenant('closed')])).toMatchObject([
        { fits: true, degraded: false },
        { fits: false, degraded: true },
      ])
    expect(await decide([all('open'), tenant('open')])).toMatchObject([
      { fits: true, degraded: false },
      { fits: true, degraded: true },
    ])
    expect(await limiter.decide([all('closed')], { take: false })).toMatchObject([{ fits: false, degraded: true }])
  })

  test('a leased limit that cannot be reached takes no local share for a request that a closed one refuses', async () => {
    const { line, all, tenant, decide } = await stand()
    await line.cut()
    for (let n = 0; n < 5; n += 1)
      expect(await decide([all('local'), tenant('closed')])).toMatchObject([
        { fits: true, remaining: 500, degraded: true },
        { fits: false, degraded: true },
      ])
  })

  test('where the leased limit alone cannot be reached, nothing is taken of the others', async () => {
    const { all, tenant, decide, left, lose } = await stand()
    lose('all')
    expect(await decide([all('closed'), tenant('closed')])).toMatchObject([
      { fits: false, degraded: true },
      { fits: false, degraded: true },
    ])
    expect(await left(tenant('closed'))).toBe(1_000)
  })

  test('where another cannot be reached, no local share of it is taken for what the leased limit refuses', async () => {
    const { other, all, tenant, decide, lose } = await stand()
    await decide([{ ...all(), cost: 1_000 }], other)
    lose('tenant')
    for (let n = 0; n < 3; n += 1)
      expect(await decide([all(), tenant('local')])).toMatchObject([
        { fits: false, remaining: 0, degraded: false },
        { fits: true, remaining: 500, degraded: true },
      ])
  })

  test('a check that asks twice waits no longer than one that asks once, and what came too late goes back', async () => {
    const { line, limiter, all, tenant, decide } = await stand({ deadlineMs: 2_000 })
    await expect.poll(() => decide([{ ...all(), cost: 0 }])).toMatchObject([{ degraded: false }])
    line.delay(1_200)
    expect(await decide([all(), tenant('closed')])).toMatchObject([
      { fits: false, degraded: true },
      { fits: false, degraded: true },
    ])
    line.delay(0)
    // Redis has counted it, and this server has it to serve.
    const left = async () => (await limiter.decide([all()], { take: false }))[0]?.remaining
    await expect.poll(left, { timeout: 10_000 }).toBe(1_000)
  })
})
