import { expect, test } from 'vitest'
import { hitStatistics } from '../hit-statistics.ts'
import type { Policy } from '../policy.ts'
import { PUBLISHED_CASES } from '../published-cases.ts'
import { memoryLimiter } from './limiter.ts'

/** The start of a day, of an hour, of a minute. */
const START_MS = 19_675 * 86_400_000

const stand = (policy: Policy) => {
  let ms = START_MS
  const limiter = memoryLimiter({ limits: { it: policy }, now: () => ms * 1_000, seed: 1 })
  return {
    limiter,
    at: (time: number) => {
      ms = START_MS + time
    },
  }
}

for (const { id, source, policy, before = 0, windows, steps } of PUBLISHED_CASES)
  test(`${id} of ${source}`, () => {
    const { limiter, at } = stand(policy)
    if (windows && 'windowMs' in policy) {
      at(-(policy.windowMs ?? 0))
      limiter.tryAcquire('it', 'k', windows[1])
      at(steps[0]?.[0] ?? 0)
      limiter.tryAcquire('it', 'k', windows[0])
    }
    steps.forEach(([ms, cost, allowed, remaining, { reset, retry, delay, hits, policy: changed } = {}], i) => {
      at(ms)
      if (changed) limiter.setPolicy('it', changed)
      if (i === 0 && before > 0) for (let n = 0; n < before; n += 1) limiter.tryAcquire('it', 'k')
      if (cost < 0) limiter.giveBack('it', 'k', -cost)
      const decision = limiter.tryAcquire('it', 'k', Math.max(0, cost))
      expect(decision, `step ${i}`).toMatchObject({ allowed, remaining })
      if (reset !== undefined) expect(decision.resetMs, `reset of step ${i}`).toBe(reset)
      if (retry !== undefined)
        expect(decision.retryAfterMs, `retry of step ${i}`).toBe(retry >= 0 ? retry : allowed ? 0 : Number.POSITIVE_INFINITY)
      if (delay !== undefined) expect(decision.delayMs, `delay of step ${i}`).toBe(delay)
      if (hits && 'limit' in policy)
        expect(hitStatistics(Number(policy.limit), before, cost), `statistics of step ${i}`).toEqual(hits)
    })
  })
