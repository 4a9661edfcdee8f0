import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import { hitStatistics } from '../hit-statistics.ts'
import { PUBLISHED_CASES } from '../published-cases.ts'
import { redisLimiter } from './limiter.ts'

/** The start of a day, of an hour, of a minute. */
const START_MS = 19_675 * 86_400_000

describeRedis('the figures of peers, met by the script', () => {
  const { redis, prefix } = openRedis()

  for (const { id, source, policy: first, before = 0, windows, steps } of PUBLISHED_CASES)
    test(`${id} of ${source}`, async () => {
      let us = START_MS * 1_000
      const clock = { now: () => us, serverTime: () => us, deadlineMs: 10_000 }
      const limiter = redisLimiter({ client: redis, prefix, limits: { it: first }, ...clock })
      const acquire = async (ms: number, cost: number) => {
        us = (START_MS + ms) * 1_000
        if (cost < 0) await limiter.giveBack('it', id, -cost)
        const { limits } = await limiter.acquire([{ limit: 'it', key: id, cost: Math.max(0, cost) }])
        return limits[0]
      }
      const begin = steps[0]?.[0] ?? 0
      if (windows && 'windowMs' in first) {
        await acquire(-(first.windowMs ?? 0), windows[1])
        await acquire(begin, windows[0])
      }
      for (let n = 0; n < before; n += 1) await acquire(begin, 1)
      for (const [i, [ms, cost, allowed, remaining, { reset, retry, delay, hits, policy } = {}]] of steps.entries()) {
        if (policy) limiter.setPolicy('it', policy)
        const decision = await acquire(ms, cost)
        expect(decision, `step ${i}`).toMatchObject({ allowed, remaining })
        if (reset !== undefined) expect(decision?.resetMs, `reset of step ${i}`).toBe(reset)
        if (retry !== undefined)
          expect(decision?.retryAfterMs, `retry of step ${i}`).toBe(retry >= 0 ? retry : allowed ? 0 : Number.POSITIVE_INFINITY)
        if (delay !== undefined) expect(decision?.delayMs, `delay of step ${i}`).toBe(delay)
        if (hits && 'limit' in first)
          expect(hitStatistics(Number(first.limit), before, cost), `statistics of step ${i}`).toEqual(hits)
      }
    })
})
