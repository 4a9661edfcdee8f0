import { type AdaptivePolicy, settled } from './limiter/adaptive/adaptive-policy.ts'
import { type AdaptiveState, adaptive, type Change } from './limiter/adaptive/decide.ts'
import type { FixedWindowPolicy, Policy, SlidingWindowPolicy } from './limiter/policy.ts'
import { NOTHING, observationOf, sum, type Tally } from './tally.ts'

/** How a limit follows the load; its base is the number of the policy beside it. */
export type Adaptation = Omit<AdaptivePolicy, 'base'>

/** A window's number may move over the same counts; a bucket's pace may not. */
export type Movable = FixedWindowPolicy | SlidingWindowPolicy

export const isMovable = (policy: Policy): policy is Movable =>
  policy.algorithm === 'FIXED_WINDOW' || policy.algorithm === 'SLIDING_WINDOW'

const latest = new WeakMap<Policy, Policy>()

/** The policy at the level that holds now; the same object for as long as it does. */
export const atLevel = (policy: Policy, level: number): Policy => {
  if (!isMovable(policy) || policy.limit === level) return policy
  const known = latest.get(policy)
  if (known && isMovable(known) && known.limit === level) return known
  const made = { ...policy, limit: level }
  latest.set(policy, made)
  return made
}

/** Where a limit stands, and what it has seen since it last decided. */
export interface Standing {
  readonly state: AdaptiveState
  readonly tally: Tally
}

export interface Step {
  readonly standing: Standing
  readonly change?: Change
}

/**
 * What was seen is added to what other servers saw; once in a cool-down, or at once where a provider refuses, the sum decides. `standing`
 * is undefined for a policy that begins.
 */
export const stepOf = (policy: AdaptivePolicy, standing: Standing | undefined, seen: Tally, nowMs: number): Step => {
  const { start, decide } = adaptive(policy)
  if (!standing) return { standing: { state: start(nowMs), tally: seen } }
  const { state } = standing
  const tally = sum(standing.tally, seen)
  const since = nowMs - state.seenAtMs
  const isDue = since < 0 || since >= settled(policy).cooldownMs || tally.provider?.retryAfterMs !== undefined
  if (!isDue) return { standing: { state, tally } }
  const decided = decide(state, observationOf(tally), nowMs)
  const next = { standing: { state: decided.state, tally: NOTHING } }
  return decided.change ? { ...next, change: decided.change } : next
}
