import { expect, test } from 'vitest'
import { asksFor, changedLimit } from '../../../test/factories/changed-limit.ts'
import { inProcessLimiter } from './in-process.ts'
import { PUBLISHED_CASES } from './limiter/published-cases.ts'

const START_US = 19_675 * 86_400_000_000

for (const { id, source, policy: first, steps } of PUBLISHED_CASES.filter(({ needs }) => needs === 'a_changed_limit'))
  test(`${id} of ${source}`, async () => {
    let us = START_US
    const limiter = inProcessLimiter({ now: () => us, seed: 1 })
    const said = [{ policy: first, sinceMs: START_US / 1_000 }]
    for (const [i, [ms, cost, allowed, remaining, also]] of steps.entries()) {
      us = START_US + ms * 1_000
      const atMs = us / 1_000
      if (also?.policy) said.push({ policy: also.policy, sinceMs: atMs })
      const asks = asksFor(changedLimit('rl_1', said), { tenantId: 'k' }, { atMs, cost })
      const [answer] = await limiter.decide(asks, { take: true })
      expect(answer, `step ${i}`).toMatchObject({ fits: allowed, remaining })
    }
  })
