import type { Observation, ProviderSignal } from './limiter/adaptive/observation.ts'

/** What a check's caller saw of an earlier request that had passed. */
export interface Outcome {
  readonly latencyMs?: number
  /** By an error of the system, an overload or a timeout; not by a mistake of the caller. */
  readonly dropped?: boolean
  readonly provider?: ProviderSignal
}

/** What happened to the requests of one limit over some time; sums, so that servers may add theirs together. */
export interface Tally {
  readonly asked: number
  readonly blocked: number
  readonly ended: number
  readonly dropped: number
  /** Of those that ended well and were timed. */
  readonly latencyMs: number
  readonly timed: number
  readonly provider?: ProviderSignal
}

export const NOTHING: Tally = { asked: 0, blocked: 0, ended: 0, dropped: 0, latencyMs: 0, timed: 0 }

/** One request that asked. */
export const askedOnce = (blocked: boolean): Tally => ({ ...NOTHING, asked: 1, blocked: blocked ? 1 : 0 })

export const endedOnce = ({ latencyMs, dropped = false, provider }: Outcome): Tally => {
  const isTimed = latencyMs !== undefined && !dropped
  return {
    ...NOTHING,
    ended: latencyMs !== undefined || dropped ? 1 : 0,
    dropped: dropped ? 1 : 0,
    latencyMs: isTimed ? latencyMs : 0,
    timed: isTimed ? 1 : 0,
    ...(provider ? { provider } : {}),
  }
}

/** What a provider said last counts, but that a refusal stays heard. */
const lastOf = (before: ProviderSignal | undefined, later: ProviderSignal | undefined): ProviderSignal | undefined => {
  if (!before || !later) return later ?? before
  const waits = [before.retryAfterMs, later.retryAfterMs].filter((wait) => wait !== undefined)
  return waits.length === 0 ? later : { ...later, retryAfterMs: Math.max(...waits) }
}

export const sum = (a: Tally, b: Tally): Tally => {
  const provider = lastOf(a.provider, b.provider)
  return {
    asked: a.asked + b.asked,
    blocked: a.blocked + b.blocked,
    ended: a.ended + b.ended,
    dropped: a.dropped + b.dropped,
    latencyMs: a.latencyMs + b.latencyMs,
    timed: a.timed + b.timed,
    ...(provider ? { provider } : {}),
  }
}

export const observationOf = ({ asked, blocked, ended, dropped, latencyMs, timed, provider }: Tally): Observation => ({
  asked,
  blocked,
  ended,
  dropped,
  ...(timed > 0 ? { latencyMs: latencyMs / timed } : {}),
  ...(provider ? { provider } : {}),
})
