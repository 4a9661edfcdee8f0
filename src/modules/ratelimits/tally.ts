import { type Askers, demandOf, together } from './askers.ts'
import type { Observation, ProviderSignal } from './limiter/adaptive/observation.ts'

/** What a check's caller saw of an earlier request that had passed. */
export interface Outcome {
  readonly latencyMs?: number
  /** By an error of the system, an overload or a timeout; not by a mistake of the caller. */
  readonly dropped?: boolean
  readonly provider?: ProviderSignal
}

/** Sums of what happened to the requests of one limit over some time. */
export interface Counts {
  readonly asked: number
  readonly blocked: number
  readonly ended: number
  readonly dropped: number
  /** Of those that ended well and were timed. */
  readonly latencyMs: number
  readonly timed: number
  readonly provider?: ProviderSignal
}

/** With whose requests they were; servers add theirs together. */
export interface Tally extends Counts {
  readonly askers: Askers
}

const NOTHING: Counts = { asked: 0, blocked: 0, ended: 0, dropped: 0, latencyMs: 0, timed: 0 }

/** A tally to begin with. */
export const nothing = (): Tally => ({ ...NOTHING, askers: new Map() })

/** One request that asked. */
export const askedOnce = (blocked: boolean): Counts => ({ ...NOTHING, asked: 1, blocked: blocked ? 1 : 0 })

export const endedOnce = ({ latencyMs, dropped = false, provider }: Outcome): Counts => {
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

export const add = (a: Counts, b: Counts): Counts => {
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

export const sum = (a: Tally, b: Tally): Tally => ({ ...add(a, b), askers: together(a.askers, b.askers) })

export const observationOf = ({ asked, blocked, ended, dropped, latencyMs, timed, provider, askers }: Tally): Observation => {
  const demand = demandOf(askers)
  return {
    asked,
    blocked,
    ended,
    dropped,
    ...(timed > 0 ? { latencyMs: latencyMs / timed } : {}),
    ...(provider ? { provider } : {}),
    ...(demand ? { demand } : {}),
  }
}
