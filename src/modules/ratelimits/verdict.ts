import type { Applicable } from './applicable.ts'
import { amountOf, ceilingOf } from './cost.ts'
import type { CountAnswer } from './counting.ts'
import type { Explanation } from './explanation.ts'
import type { Mode } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import type { LimitCost } from './price-request.ts'

/** What one limit says of a request. Amounts are counts, or decimals of money. */
export interface Answer {
  readonly limitId: string
  readonly name: string
  readonly version: number
  readonly key: string
  readonly mode: Mode
  /** The one that the subject is held to. */
  readonly policy: Policy
  readonly allowed: boolean
  readonly wouldRefuse: boolean
  readonly limit: number | string
  readonly remaining: number | string
  readonly resetMs: number
  /** null: it fits, or never will. */
  readonly retryAfterMs: number | null
  readonly delayMs: number
  readonly degraded: boolean
  /** Of a limit of spend: what the request costs. */
  readonly amount?: string | undefined
}

export interface Verdict {
  readonly allowed: boolean
  /** The limit that refused; of several, the one of the highest priority. */
  readonly refusedBy: string | null
  /** Until all would allow it; null: they do, or one never will. */
  readonly retryAfterMs: number | null
  readonly delayMs: number
  /** The highest priority first. */
  readonly limits: readonly Answer[]
  /** Where it was asked for. */
  readonly explanation?: Explanation
}

/** What a limit answered, in the limit's own terms. */
export const answerOf = (
  { limit: { id, current }, policy, key, amount }: Applicable & LimitCost,
  counted: CountAnswer,
): Answer => ({
  limitId: id,
  name: current.name,
  version: current.version,
  key,
  mode: current.mode,
  policy,
  allowed: counted.fits || current.mode === 'shadow',
  wouldRefuse: !counted.fits,
  limit: ceilingOf(policy),
  remaining: amountOf(policy, counted.remaining),
  resetMs: counted.resetMs,
  retryAfterMs: counted.fits || counted.retryAfterMs === Number.POSITIVE_INFINITY ? null : counted.retryAfterMs,
  delayMs: counted.delayMs,
  degraded: counted.degraded,
  amount,
})

/** What all limits of a request come to; `answers` in the order of their priority. */
export const verdictOf = (answers: readonly Answer[]): Verdict => {
  const refused = answers.filter(({ allowed }) => !allowed)
  const waits = refused.map(({ retryAfterMs }) => retryAfterMs)
  const allowed = refused.length === 0
  return {
    allowed,
    refusedBy: refused[0]?.limitId ?? null,
    retryAfterMs: allowed || waits.includes(null) ? null : Math.max(...waits.map(Number)),
    delayMs: allowed ? Math.max(0, ...answers.map(({ delayMs }) => delayMs)) : 0,
    limits: answers,
  }
}
