import type { Tier } from '../../src/modules/catalog/index.ts'
import { meet } from '../../src/modules/ratelimits/applicable.ts'
import { counterOf } from '../../src/modules/ratelimits/counter.ts'
import type { CountAsk } from '../../src/modules/ratelimits/counting.ts'
import type { CountedLimit, LimitTerms, LimitVersion, Subject } from '../../src/modules/ratelimits/limit.ts'
import type { Policy } from '../../src/modules/ratelimits/limiter/policy.ts'
import { formerOf } from '../../src/modules/ratelimits/succession.ts'
import { limitTerms } from './limit-terms.ts'

/** What a version says, and since when, in milliseconds since the epoch. */
export interface Said extends Partial<Omit<LimitTerms, 'policy'>> {
  readonly policy: Policy
  readonly sinceMs?: number
}

/** A limit that said this, one after the other; the last holds. By tenant unless told. */
export const changedLimit = (id: string, said: readonly Said[]): CountedLimit => {
  const versions = said.map(
    ({ sinceMs = 0, ...terms }, i): LimitVersion => ({
      ...limitTerms(terms),
      limitId: id,
      version: i + 1,
      createdAt: Temporal.Instant.fromEpochMilliseconds(sinceMs),
    }),
  )
  const [current, ...past] = versions.toReversed()
  const [first] = versions
  if (!current || !first) throw new RangeError('a limit has said something')
  return { id, createdAt: first.createdAt, archivedAt: null, level: null, current, past }
}

/** What is asked of its counts for a request: nothing where it does not meet it. */
export const asksFor = (
  limit: CountedLimit,
  subject: Subject,
  { atMs, cost = 1, tier }: { readonly atMs: number; readonly cost?: number; readonly tier?: Tier },
): readonly CountAsk[] => {
  const situation = { subject, tier, priority: 0, atMs }
  const met = meet(limit, situation)
  if (!met) return []
  const { current } = limit
  return [
    {
      limitId: limit.id,
      version: current.version,
      counter: counterOf(limit.id, met.policy),
      policy: met.policy,
      key: met.key,
      cost,
      onUnavailable: current.onUnavailable,
      leased: current.leased,
      former: formerOf(limit, situation, met),
    },
  ]
}
