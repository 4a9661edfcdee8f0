import type { Decision } from '../decision.ts'

/** Clients that were refused together come back spread over a tenth of their wait, and over a second at least. */
const SPREAD = 0.1
const LEAST_SPREAD_MS = 1_000
const MOST_SPREAD_MS = 60_000

/** Until every limit that refused would let this request pass, in milliseconds; undefined: nobody refused, or one never will. */
const waitOf = ({ limits }: Decision): number | undefined => {
  const refused = limits.filter(({ allowed }) => !allowed)
  if (refused.length === 0) return undefined
  const wait = Math.max(...refused.map(({ retryAfterMs }) => retryAfterMs))
  return wait === Number.POSITIVE_INFINITY ? undefined : wait
}

/**
 * Whole seconds for Retry-After (RFC 9110, section 10.2.3), never before the request fits; `random` is from 0 to below 1. Undefined: no
 * wait helps. Equal waits made a stampede of each window's start; the jitter only ever adds (Brooker, Exponential Backoff and Jitter).
 */
export const retryAfterSeconds = (decision: Decision, random: number): number | undefined => {
  const wait = waitOf(decision)
  if (wait === undefined) return undefined
  const spread = Math.min(MOST_SPREAD_MS, Math.max(LEAST_SPREAD_MS, wait * SPREAD))
  return Math.max(1, Math.ceil((wait + random * spread) / 1_000))
}
