import { counterOf } from '../../src/modules/ratelimits/counter.ts'
import type { CountAsk } from '../../src/modules/ratelimits/counting.ts'
import type { Policy } from '../../src/modules/ratelimits/limiter/policy.ts'

/** What is asked of one limit's counts: one of a key, closed without them, under the only version there was, unless told. */
export const countAsk = (
  limitId: string,
  policy: Policy,
  told: Partial<Omit<CountAsk, 'limitId' | 'policy'>> = {},
): CountAsk => ({
  limitId,
  version: 1,
  counter: counterOf(limitId, policy),
  policy,
  key: 'k',
  cost: 1,
  onUnavailable: 'closed',
  former: [],
  leased: false,
  ...told,
})
