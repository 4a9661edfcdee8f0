import { compile } from './compile.ts'
import type { Policy } from './policy.ts'

/**
 * What to reserve for a request that names no most of its own, such as one without `max_tokens`: the usual `estimate`, cut to what the
 * smallest of its limits can ever let through. So a guess refuses nobody for ever, and never holds all of a large limit. The limits are of
 * one unit, and the estimate in it. Throws PolicyError.
 */
export const impliedEstimate = (estimate: number, policies: readonly Policy[]): number =>
  Math.min(estimate, ...policies.map((policy) => compile(policy).core.limit))
