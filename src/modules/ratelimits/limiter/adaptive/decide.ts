import { type AdaptivePolicy, type Settled, settled } from './adaptive-policy.ts'
import { isCalm, latencyOf, type Observation, type Signals, type Stress, signalsOf, stressOf } from './observation.ts'
import { foundBad, NO_SEARCH, raise, type Search } from './search.ts'

export interface AdaptiveState {
  readonly current: number
  /** Of the last decision. */
  readonly seenAtMs: number
  readonly changedAtMs: number
  /** No growth before it: a provider's Retry-After. */
  readonly heldUntilMs: number
  /** The latency that the system is known to manage; 0 before the first that was seen. */
  readonly baselineMs: number
  /** There was stress, and has been no calm since. */
  readonly stressed: boolean
  /** A provider refused within the cool-down: at its end the limit is cut. */
  readonly refused: boolean
  readonly search: Search
}

/** `policy`: the minimum or maximum was changed, and the limit stood outside. */
export type Cause = Stress | 'provider_limit' | 'demand' | 'recovery' | 'underused' | 'policy'

/** One change of the limit, with what it was made for. */
export interface Change {
  readonly atMs: number
  readonly from: number
  readonly to: number
  readonly cause: Cause
  readonly signals: Signals
}

export interface Decided {
  readonly state: AdaptiveState
  readonly change?: Change
}

export interface Adaptive {
  start(nowMs: number): AdaptiveState
  /**
   * What the limit becomes: at most one change in a cool-down, of at most one step, but that a changed policy is followed at once. Of what is
   * told within a cool-down a provider's refusal is remembered to its end; all else is to be told again with what was seen until then.
   */
  decide(state: AdaptiveState, seen: Observation, nowMs: number): Decided
}

/** The specification's rule: beyond `tight` the limit is too tight or the system loaded, below `underused` it is underused. */
const BLOCK_RATE = { tight: 0.2, underused: 0.05 }
/** Shares of fewer requests say nothing. */
export const LEAST_ASKED = 20
/** A longer Retry-After is looked at again after a day. */
const LONGEST_HOLD_MS = 86_400_000
/** How fast a latency is learnt: a lower one is there to be met again, a higher one may pass. */
const LEARN = { lower: 0.5, higher: 0.1 }

interface Move {
  readonly to: number
  readonly cause: Cause
  readonly search: Search
}

const stepOf = ({ adjustmentFactor }: Settled, level: number): number => Math.max(1, Math.floor(level * adjustmentFactor))

/**
 * A higher latency becomes the known one only at the minimum, where this limit's own load cannot be its reason: learnt anywhere else, lasting
 * overload would come to look like health. Source: the minRTT of Envoy's adaptive concurrency, measured at its least concurrency.
 */
const learn = ({ minimum, timeoutMs }: Settled, { baselineMs, current }: AdaptiveState, seen: Observation): number => {
  const latencyMs = latencyOf(seen)
  if (latencyMs === undefined || latencyMs >= timeoutMs) return baselineMs
  if (baselineMs === 0) return latencyMs
  if (latencyMs < baselineMs) return baselineMs + (latencyMs - baselineMs) * LEARN.lower
  return current <= minimum ? baselineMs + (latencyMs - baselineMs) * LEARN.higher : baselineMs
}

/** To the last level that was well where one step reaches it, else a whole step. */
const cut = (policy: Settled, { current, search }: AdaptiveState, cause: Stress, nowMs: number): Move => {
  const known = foundBad(search, current, nowMs)
  const lowest = Math.max(policy.minimum, current - stepOf(policy, current))
  return { to: Math.max(lowest, known.good), cause, search: known }
}

const lower = (policy: Settled, { current, search }: AdaptiveState, least: number, cause: Cause): Move => ({
  to: Math.max(least, current - stepOf(policy, current)),
  cause,
  search,
})

const grow = (policy: Settled, state: AdaptiveState, top: number, cause: Cause, nowMs: number): Move => {
  const { current } = state
  const most = Math.min(stepOf(policy, current), top - current)
  if (most <= 0) return { to: current, cause, search: state.search }
  const [by, search] = raise(state.search, current, most, policy.cooldownMs, nowMs)
  return { to: current + by, cause, search }
}

/** What a provider says is another's: what is no number is not heard. */
const heard = (said: number | undefined, otherwise: number): number =>
  said === undefined || Number.isNaN(said) ? otherwise : Math.max(0, said)

const ceilingOf = ({ maximum }: Settled, { provider }: Observation): number =>
  Math.floor(Math.min(maximum, heard(provider?.limit, maximum)))

/** Without stress. What a lower level would block is foretold, so that a limit of a few does not step out of the band on its other side. */
const follow = (policy: Settled, state: AdaptiveState, signals: Signals, seen: Observation, nowMs: number): Move | undefined => {
  const { current } = state
  const { base, minimum } = policy
  const ceiling = ceilingOf(policy, seen)
  if (current > ceiling) return lower(policy, state, Math.max(minimum, ceiling), 'provider_limit')
  const mayGrow = isCalm(signals) && nowMs >= state.heldUntilMs
  const top = seen.demand?.isOfOne ? Math.min(base, ceiling) : ceiling
  if (signals.blockRate > BLOCK_RATE.tight) return mayGrow ? grow(policy, state, top, 'demand', nowMs) : undefined
  if (signals.blockRate >= BLOCK_RATE.underused) return undefined
  if (current < base) return mayGrow ? grow(policy, state, Math.min(base, ceiling), 'recovery', nowMs) : undefined
  const down = lower(policy, state, base, 'underused')
  return 1 - (down.to / current) * (1 - signals.blockRate) <= BLOCK_RATE.tight ? down : undefined
}

/** A clock that steps back takes the instants along: they would else hold the limit until it has caught up. */
export const inStep = (state: AdaptiveState, nowMs: number): AdaptiveState => {
  const back = Math.max(0, state.seenAtMs - nowMs)
  return {
    ...state,
    seenAtMs: nowMs,
    changedAtMs: state.changedAtMs - back,
    heldUntilMs: state.heldUntilMs - back,
    search: { ...state.search, badAtMs: state.search.badAtMs - back },
  }
}

const held = ({ heldUntilMs }: AdaptiveState, { provider }: Observation, nowMs: number): number =>
  Math.max(heldUntilMs, nowMs + Math.min(LONGEST_HOLD_MS, heard(provider?.retryAfterMs, 0)))

const changed = (state: AdaptiveState, { to, cause, search }: Move, signals: Signals): Decided => ({
  state: { ...state, current: to, changedAtMs: state.seenAtMs, search },
  change: { atMs: state.seenAtMs, from: state.current, to, cause, signals },
})

/** A limit that is cut under stress and raised under healthy demand: AIMD's directions, a gradient of latency, and a search for the edge. */
export const adaptive = (given: AdaptivePolicy): Adaptive => {
  const policy = settled(given)

  return {
    start: (nowMs) => ({
      current: policy.base,
      seenAtMs: nowMs,
      changedAtMs: nowMs,
      heldUntilMs: nowMs,
      baselineMs: policy.easyMs,
      stressed: false,
      refused: false,
      search: NO_SEARCH,
    }),

    decide(before, seen, nowMs) {
      const signals = signalsOf(seen, before.baselineMs)
      const now = inStep(before, nowMs)
      const refused = before.refused || seen.provider?.retryAfterMs !== undefined
      const state = { ...now, refused, heldUntilMs: held(now, seen, nowMs), baselineMs: learn(policy, before, seen) }
      const from = state.current
      const inside = Math.max(policy.minimum, Math.min(policy.maximum, from))
      if (inside !== from) return changed(state, { to: inside, cause: 'policy', search: NO_SEARCH }, signals)
      if (nowMs - state.changedAtMs < policy.cooldownMs) return { state }
      const stress = refused ? 'provider_refused' : stressOf(policy, seen, signals, state.stressed)
      if (stress !== 'provider_refused' && seen.asked < LEAST_ASKED) return { state }
      const move = stress ? cut(policy, state, stress, nowMs) : follow(policy, state, signals, seen, nowMs)
      const next = { ...state, stressed: stress !== undefined, refused: false, search: move?.search ?? state.search }
      return move && move.to !== from ? changed(next, move, signals) : { state: next }
    },
  }
}
