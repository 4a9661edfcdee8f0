import { type AdaptivePolicy, settled } from './limiter/adaptive/adaptive-policy.ts'
import { type AdaptiveState, adaptive, type Change, inStep } from './limiter/adaptive/decide.ts'
import type { FixedWindowPolicy, Policy, SlidingWindowPolicy } from './limiter/policy.ts'
import { nothing, observationOf, sum, type Tally } from './tally.ts'

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

/** A refusal that the state has heard is not told again: its Retry-After runs from when it was heard. */
const withoutRefusal = ({ provider, ...rest }: Tally): Tally => {
  const { retryAfterMs: _, ...said } = provider ?? {}
  return { ...rest, provider: said }
}

/**
 * What was seen is added to what other servers saw; once in a cool-down the sum decides, or at once where a provider refuses and the last change
 * is a cool-down ago. Until then a refusal is remembered, and all else is kept. `standing` is undefined for a policy that begins.
 */
export const stepOf = (policy: AdaptivePolicy, standing: Standing | undefined, seen: Tally, nowMs: number): Step => {
  const { start, decide } = adaptive(policy)
  const { cooldownMs } = settled(policy)
  const before = standing ?? { state: start(nowMs), tally: nothing() }
  const state = nowMs < before.state.seenAtMs ? inStep(before.state, nowMs) : before.state
  const tally = sum(before.tally, seen)
  const isRefused = tally.provider?.retryAfterMs !== undefined
  const mayCut = isRefused && nowMs - state.changedAtMs >= cooldownMs
  if (mayCut || nowMs - state.seenAtMs >= cooldownMs) {
    const decided = decide(state, observationOf(tally), nowMs)
    const next = { standing: { state: decided.state, tally: nothing() } }
    return decided.change ? { ...next, change: decided.change } : next
  }
  if (!isRefused) return { standing: { state, tally } }
  const { seenAtMs } = state
  const heard = decide(state, observationOf({ ...nothing(), provider: tally.provider }), nowMs)
  return { standing: { state: { ...heard.state, seenAtMs }, tally: withoutRefusal(tally) } }
}
