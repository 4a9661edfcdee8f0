import type { Settled } from './adaptive-policy.ts'

/** What an upstream provider said last, of its own limit that this one feeds. */
export interface ProviderSignal {
  /** `x-ratelimit-limit-…`, in this limit's unit and window. */
  readonly limit?: number
  /** `x-ratelimit-remaining-…` */
  readonly remaining?: number
  /** Retry-After: the provider refused. */
  readonly retryAfterMs?: number
}

/** What those who ask have in common, where they are told apart. */
export interface Demand {
  /** The share of requests that were refused, not of all together but of those who ask, each of whom counts alike. */
  readonly blockRate: number
  /** Too few ask beside one: a limit that others share too grows for it to the base at most. */
  readonly isOfOne: boolean
}

/** What happened since the last decision. */
export interface Observation {
  /** Requests that asked. */
  readonly asked: number
  /** Of those, refused by this limit. */
  readonly blocked: number
  /** Of those that passed, how many have ended. */
  readonly ended: number
  /** Of those that ended, by an error of the system, an overload or a timeout; not by a mistake of the caller. */
  readonly dropped: number
  /** Mean or median of those that ended well. */
  readonly latencyMs?: number
  readonly provider?: ProviderSignal
  /** Unless told, the share is of all that was asked. */
  readonly demand?: Demand
}

/** What an observation says, as shares. */
export interface Signals {
  readonly blockRate: number
  readonly errorRate: number
  /** The latency that the system is known to manage over the one seen, at most 1; undefined: nothing ended well. */
  readonly gradient: number | undefined
  /** What remains of the provider's limit; 1 where it says nothing. */
  readonly providerShare: number
}

export type Stress = 'provider_refused' | 'provider_nearly_exhausted' | 'errors' | 'timeout' | 'latency'

const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0)

/** A latency counts where something ended well: that of timeouts is the caller's own patience. */
export const latencyOf = ({ ended, dropped, latencyMs }: Observation): number | undefined =>
  latencyMs !== undefined && latencyMs > 0 && ended > dropped ? latencyMs : undefined

export const signalsOf = (seen: Observation, baselineMs: number): Signals => {
  const { asked, blocked, ended, dropped, provider, demand } = seen
  const latencyMs = latencyOf(seen)
  return {
    blockRate: demand?.blockRate ?? share(blocked, asked),
    errorRate: share(dropped, ended),
    gradient: latencyMs === undefined ? undefined : Math.min(1, (baselineMs || latencyMs) / latencyMs),
    providerShare: provider?.limit ? Math.min(1, (provider.remaining ?? provider.limit) / provider.limit) : 1,
  }
}

/**
 * Beyond these a limit is cut. A latency of twice the known is where throughput over delay is highest in a queue of type M/M/1, at half of its
 * capacity. Source: Kleinrock, Power and Deterministic Rules of Thumb for Probabilistic Problems in Computer Communications (1979).
 */
const STRESSED = { errorRate: 0.05, gradient: 0.5, providerShare: 0.05 }
/** Within these it may grow, and a cut that began ends: in the gap between the two, as in a Schmitt trigger, it rests. */
const CALM = { errorRate: 0.025, gradient: 0.6, providerShare: 0.1 }

/** What says that the system has too much; undefined: nothing does. `stressed`: it had, and has not been calm since. */
export const stressOf = ({ timeoutMs }: Settled, seen: Observation, signals: Signals, stressed: boolean): Stress | undefined => {
  const most = stressed ? CALM : STRESSED
  const latencyMs = latencyOf(seen)
  if (signals.errorRate > most.errorRate) return 'errors'
  if (latencyMs !== undefined && latencyMs >= timeoutMs) return 'timeout'
  if (signals.gradient !== undefined && signals.gradient < most.gradient) return 'latency'
  return signals.providerShare < most.providerShare ? 'provider_nearly_exhausted' : undefined
}

/** Growth needs evidence: something ended well, and well within what counts as stress. */
export const isCalm = ({ errorRate, gradient, providerShare }: Signals): boolean =>
  errorRate <= CALM.errorRate && gradient !== undefined && gradient >= CALM.gradient && providerShare >= CALM.providerShare
