import type { Decision, LimitDecision } from '../decision.ts'
import type { OnFailure } from '../redis/fallback.ts'
import type { Wanted } from './in-flight.ts'
import { type ConcurrencyOptions, concurrencyLimiter, type LeaseOf } from './memory.ts'

export interface InFlightFallbackOptions extends ConcurrencyOptions {
  readonly onFailure: Readonly<Record<string, OnFailure>>
  readonly liveServers: () => number
  readonly retryMs: number
}

/** The answers of a server on its own. */
export interface InFlightFallback {
  acquire(wanted: readonly Wanted[], lease: LeaseOf): Decision
  /** False: it is not held here. */
  release(id: string): boolean
  renew(holder: string): number
  drop(holder: string): number
  reset(limit: string, key: string): number
}

export const inFlightFallback = (options: InFlightFallbackOptions): InFlightFallback => {
  const { onFailure, liveServers, retryMs } = options
  const local = concurrencyLimiter(options)
  const policies = new Map(Object.entries(onFailure))
  const policyOf = (limit: string): OnFailure => policies.get(limit) ?? 'local'

  const unheard = (limit: string): LimitDecision => {
    const allowed = policyOf(limit) === 'open'
    return { limit, allowed, remaining: 0, resetMs: 0, retryAfterMs: allowed ? 0 : retryMs, delayMs: 0 }
  }

  return {
    /** A closed limit refuses the whole request, so that nothing is held for it. */
    acquire(wanted, lease) {
      const isClosed = wanted.some(({ limit }) => policyOf(limit) === 'closed')
      const servers = Math.max(1, Math.floor(liveServers()))
      const counted = wanted
        .filter(({ limit }) => policyOf(limit) === 'local')
        .map((one) => ({ ...one, most: Math.floor(one.most / servers) }))
      const taken = local.tryAcquireAll(isClosed ? counted.map((one) => ({ ...one, cost: 0 })) : counted, lease)
      const byLimit = new Map(taken.limits.map((one) => [one.limit, one]))
      const tell = ({ limit, cost, most }: Wanted): LimitDecision => {
        const one = byLimit.get(limit)
        if (!one) return unheard(limit)
        // A share that is too small says nothing of the limit, which may hold the request when the server is back.
        return one.allowed || cost > most ? one : { ...one, retryAfterMs: retryMs }
      }
      return { allowed: taken.allowed && !isClosed, limits: wanted.map(tell), degraded: true }
    },
    release: local.release,
    renew: local.renew,
    drop: local.drop,
    reset: local.reset,
  }
}
