import type { Ask, Decision, LimitDecision } from '../decision.ts'
import { type MemoryLimiter, memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import type { Settlement } from '../reservation.ts'
import { fraction } from './fraction.ts'

/** What a limit answers when its store does not: all may pass, nobody may, or this server's share of it counts here. */
export type OnFailure = 'open' | 'closed' | 'local'

export interface FallbackOptions {
  readonly limits: Readonly<Record<string, Policy>>
  readonly onFailure: Readonly<Record<string, OnFailure>>
  readonly liveServers: () => number
  readonly now: () => number
  readonly seed: number
}

/** The answers of a server on its own. Each says so: `degraded`. */
export interface Fallback {
  acquire(asks: readonly Ask[]): Decision
  reserve(id: string, asks: readonly Ask[], ttlMs: number): Decision
  /** undefined: it was not reserved here. */
  settle(id: string, costs: Readonly<Record<string, number>>): Settlement | undefined
  release(id: string): Settlement | undefined
}

/** When somebody who was refused unheard may ask again. */
const RETRY_MS = 1_000

const unheard = (limit: string, allowed: boolean): LimitDecision => ({
  limit,
  allowed,
  remaining: 0,
  resetMs: 0,
  retryAfterMs: allowed ? 0 : RETRY_MS,
  delayMs: 0,
})

export const fallback = ({ limits, onFailure, liveServers, now, seed }: FallbackOptions): Fallback => {
  const policyOf = (limit: string): OnFailure => onFailure[limit] ?? 'local'
  const own = Object.entries(limits).filter(([name]) => policyOf(name) === 'local')
  let [servers, memory]: [number, MemoryLimiter | undefined] = [0, undefined]

  /** A share of another size starts afresh, so the count of servers is looked at, not felt for: it seldom changes. */
  const local = (): MemoryLimiter => {
    const count = Math.max(1, Math.floor(liveServers()))
    if (memory && count === servers) return memory
    servers = count
    memory = memoryLimiter({
      limits: Object.fromEntries(own.map(([name, policy]) => [name, fraction(policy, count)])),
      now,
      seed,
    })
    return memory
  }

  /** A closed limit refuses the whole request, so that nothing is taken for it. */
  const answer = (asks: readonly Ask[], take: (local: readonly Ask[]) => Decision): Decision => {
    const isClosed = asks.some(({ limit }) => policyOf(limit) === 'closed')
    const counted = asks.filter(({ limit }) => policyOf(limit) === 'local')
    const taken = take(isClosed ? counted.map((ask) => ({ ...ask, cost: 0 })) : counted)
    const byLimit = new Map(taken.limits.map((one) => [one.limit, one]))
    return {
      allowed: taken.allowed && !isClosed,
      limits: asks.map(({ limit }) => byLimit.get(limit) ?? unheard(limit, policyOf(limit) === 'open')),
      degraded: true,
    }
  }

  const ended = (settlement: Settlement | undefined): Settlement | undefined =>
    settlement?.state === 'unknown' ? undefined : settlement

  return {
    acquire: (asks) => answer(asks, (counted) => local().tryAcquireAll(counted)),
    reserve: (id, asks, ttlMs) => answer(asks, (counted) => local().tryReserve(id, counted, ttlMs)),
    settle: (id, costs) => ended(memory?.settle(id, costs)),
    release: (id) => ended(memory?.release(id)),
  }
}
