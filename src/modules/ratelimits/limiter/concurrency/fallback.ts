import type { Decision, LimitDecision } from '../decision.ts'
import type { OnFailure } from '../redis/fallback.ts'
import type { Held } from './flights.ts'
import type { MostInFlight } from './in-flight.ts'
import { type ConcurrencyOptions, concurrencyLimiter, type LeaseOf } from './memory.ts'

export interface InFlightFallbackOptions extends ConcurrencyOptions {
  readonly onFailure: Readonly<Record<string, OnFailure>>
  readonly liveServers: () => number
  readonly retryMs: number
}

/** The answers of a server on its own. */
export interface InFlightFallback {
  acquire(wanted: readonly Held[], lease: LeaseOf): Decision
  /** False: it is not held here. */
  release(id: string): boolean
  renew(holder: string): number
  drop(holder: string): number
}

export const inFlightFallback = (options: InFlightFallbackOptions, most: MostInFlight): InFlightFallback => {
  const { limits, onFailure, liveServers, retryMs } = options
  const local = concurrencyLimiter({ ...options, limits: Object.fromEntries(Object.keys(limits).map((name) => [name, 0])) })
  const policyOf = (limit: string): OnFailure => onFailure[limit] ?? 'local'

  const unheard = (limit: string): LimitDecision => {
    const allowed = policyOf(limit) === 'open'
    return { limit, allowed, remaining: 0, resetMs: 0, retryAfterMs: allowed ? 0 : retryMs, delayMs: 0 }
  }

  return {
    /** A closed limit refuses the whole request, so that nothing is held for it. */
    acquire(wanted, lease) {
      const isClosed = wanted.some(({ limit }) => policyOf(limit) === 'closed')
      const counted = wanted.filter(({ limit }) => policyOf(limit) === 'local')
      const servers = Math.max(1, Math.floor(liveServers()))
      for (const { limit } of counted) local.setLimit(limit, Math.floor(most.of(limit) / servers))
      const taken = local.tryAcquireAll(isClosed ? counted.map((one) => ({ ...one, cost: 0 })) : counted, lease)
      const byLimit = new Map(taken.limits.map((one) => [one.limit, one]))
      const tell = ({ limit, cost }: Held): LimitDecision => {
        const one = byLimit.get(limit)
        if (!one) return unheard(limit)
        // A share that is too small says nothing of the limit, which may hold the request when the server is back.
        return one.allowed || cost > most.of(limit) ? one : { ...one, retryAfterMs: retryMs }
      }
      return { allowed: taken.allowed && !isClosed, limits: wanted.map(tell), degraded: true }
    },
    release: local.release,
    renew: local.renew,
    drop: local.drop,
  }
}
