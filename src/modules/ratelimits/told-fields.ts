import type { AnswerHead } from '../../platform/http/route.ts'
import type { LimitDecision } from './limiter/decision.ts'
import { joined } from './limiter/http/answer.ts'
import { limitItem, list, policyItem } from './limiter/http/fields.ts'
import { retryAfterSeconds } from './limiter/http/jittered-wait.ts'
import { quotaPolicy } from './limiter/http/quota-policy.ts'
import type { Answer, Verdict } from './verdict.ts'

/** What a check tells in header fields, for its caller to pass on. */
export interface ToldFields {
  /** RateLimit and RateLimit-Policy, of which neither is sent where there is nothing to tell. */
  readonly lists: { readonly rateLimit: string; readonly rateLimitPolicy: string } | undefined
  /** In whole seconds, with jitter; undefined: nothing refuses, or no wait helps. */
  readonly retryAfter: number | undefined
}

/** More would not fit into what clients take as a head. The body has them all. */
const MOST_TOLD = 10

const decisionOf = ({ limitId, wouldRefuse, remaining, resetMs, retryAfterMs, delayMs }: Answer): LimitDecision => ({
  limit: limitId,
  allowed: !wouldRefuse,
  remaining: typeof remaining === 'number' ? remaining : 0,
  resetMs,
  retryAfterMs: retryAfterMs ?? (wouldRefuse ? Number.POSITIVE_INFINITY : 0),
  delayMs,
})

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-10, and Retry-After. Limits go by their ids: a name need be neither unique nor ASCII.
 * Those that refuse come first, then those of the higher priority. Shadows are nobody's quota, and the draft has no unit of money.
 */
export const toldFields = ({ allowed, limits }: Verdict, random: number): ToldFields => {
  const enforced = limits.filter(({ mode }) => mode === 'enforce')
  const told = [...enforced.filter(({ wouldRefuse }) => wouldRefuse), ...enforced.filter(({ wouldRefuse }) => !wouldRefuse)]
    .flatMap((answer) => {
      const quota = quotaPolicy(answer.limitId, answer.policy)
      return quota ? [{ policy: policyItem(quota), limit: limitItem(decisionOf(answer)) }] : []
    })
    .slice(0, MOST_TOLD)
  return {
    lists:
      told.length === 0
        ? undefined
        : { rateLimit: list(told.map(({ limit }) => limit)), rateLimitPolicy: list(told.map(({ policy }) => policy)) },
    retryAfter: retryAfterSeconds({ allowed, limits: enforced.map(decisionOf) }, random),
  }
}

/** Beside what the API says of its own limits. */
export const tellFields = (head: AnswerHead, { lists, retryAfter }: ToldFields): void => {
  if (lists) {
    head.header('ratelimit-policy', joined(head.getHeader('ratelimit-policy'), lists.rateLimitPolicy))
    head.header('ratelimit', joined(head.getHeader('ratelimit'), lists.rateLimit))
  }
  if (retryAfter !== undefined) head.header('retry-after', String(retryAfter))
}
