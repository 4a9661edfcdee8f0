import { expect, test } from 'vitest'
import { counterOf } from './counter.ts'
import { inProcessLimiter } from './in-process.ts'
import { PUBLISHED_CASES } from './limiter/published-cases.ts'

const START_US = 19_675 * 86_400_000_000

for (const { id, source, policy: first, steps } of PUBLISHED_CASES.filter(({ needs }) => needs === 'a_changed_limit'))
  test(`${id} of ${source}`, async () => {
    let us = START_US
    const limiter = inProcessLimiter({ now: () => us, seed: 1 })
    let [policy, version] = [first, 1]
    for (const [i, [ms, cost, allowed, remaining, also]] of steps.entries()) {
      us = START_US + ms * 1_000
      if (also?.policy) [policy, version] = [also.policy, version + 1]
      const ask = { limitId: 'rl_1', version, counter: counterOf('rl_1', policy), policy, key: 'k', cost } as const
      const [answer] = await limiter.decide([{ ...ask, onUnavailable: 'closed', leased: false }], { take: true })
      expect(answer, `step ${i}`).toMatchObject({ fits: allowed, remaining })
    }
  })
