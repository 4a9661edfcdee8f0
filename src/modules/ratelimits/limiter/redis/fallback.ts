import { compile } from '../compile.ts'
import { type Ask, checkCost, type Decision, type LimitDecision, MAX_COST } from '../decision.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { checkTtl, type Settlement } from '../reservation.ts'

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
  /** One that the memory's limiter takes. */
  setPolicy(limit: string, policy: Policy): void
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

/** As many reservations as memory remembers. */
const MOST_RESERVATIONS = 100_000

/** A server's share of a limit is the limit, with each cost counted once for each live server: it holds whatever becomes of their number. */
export const fallback = ({ limits, onFailure, liveServers, now, seed }: FallbackOptions): Fallback => {
  const policies = new Map(Object.entries(onFailure))
  const policyOf = (limit: string): OnFailure => policies.get(limit) ?? 'local'
  const own = Object.entries(limits).filter(([name]) => policyOf(name) === 'local')
  const memory = memoryLimiter({ limits: Object.fromEntries(own), maxReservations: MOST_RESERVATIONS, now, seed })
  /** By the id of a reservation that has not ended, among how many servers it was made; the oldest first. */
  const madeAmong = new Map<string, number>()
  const mostOf = new Map(own.map(([name, policy]) => [name, compile(policy).core.limit]))
  const servers = (): number => Math.max(1, Math.floor(liveServers()))

  /** Of money 4,503 of the major unit is the most that can be counted at once: what weighs more is refused, like what is closed. */
  const isRefused = ({ limit, cost = 1 }: Ask, count: number): boolean =>
    policyOf(limit) === 'closed' || (policyOf(limit) === 'local' && cost * count > MAX_COST)

  /** A share that never holds the request says nothing of the limit, which may hold it when the store is back. */
  const waitMs = ({ limit, retryAfterMs }: LimitDecision, cost: number): number =>
    Number.isFinite(retryAfterMs) || cost > (mostOf.get(limit) ?? 0) ? retryAfterMs : RETRY_MS

  /** A limit that refuses unheard refuses the whole request, so that nothing is taken or remembered for it: the others are looked at. */
  const answer = (asks: readonly Ask[], take: (local: readonly Ask[]) => Decision): Decision => {
    const count = servers()
    const refused = asks.filter((ask) => isRefused(ask, count))
    const counted = asks.filter((ask) => policyOf(ask.limit) === 'local' && !refused.includes(ask))
    const taken =
      refused.length > 0
        ? memory.tryAcquireAll(counted.map((ask) => ({ ...ask, cost: 0 })))
        : take(counted.map((ask) => ({ ...ask, cost: (ask.cost ?? 1) * count })))
    const byLimit = new Map(taken.limits.map((one) => [one.limit, one]))
    const tell = ({ limit, cost = 1 }: Ask): LimitDecision => {
      const one = byLimit.get(limit)
      if (!one) return unheard(limit, policyOf(limit) === 'open')
      return { ...one, remaining: Math.floor(one.remaining / count), retryAfterMs: waitMs(one, cost) }
    }
    return { allowed: taken.allowed && refused.length === 0, limits: asks.map(tell), degraded: true }
  }

  const ended = (settlement: Settlement): Settlement | undefined => (settlement.state === 'unknown' ? undefined : settlement)

  return {
    acquire: (asks) => answer(asks, (counted) => memory.tryAcquireAll(counted)),
    reserve(id, asks, ttlMs) {
      checkTtl(ttlMs)
      const decision = answer(asks, (counted) => memory.tryReserve(id, counted, ttlMs))
      if (!decision.allowed) return decision
      const [oldest] = madeAmong.keys()
      if (madeAmong.size >= MOST_RESERVATIONS && oldest !== undefined) madeAmong.delete(oldest)
      madeAmong.set(id, servers())
      return decision
    },
    /** By the most servers there were: fewer now do not make what this one used less of the others' shares. */
    settle(id, costs) {
      const count = Math.max(servers(), madeAmong.get(id) ?? 1)
      // Of limits that are open nothing is counted here.
      const counted = Object.entries(costs).filter(([limit]) => !Object.hasOwn(limits, limit) || policyOf(limit) === 'local')
      const weighed = counted.map(([limit, cost]): [string, number] => [limit, Math.min(checkCost(cost) * count, MAX_COST)])
      const settlement = memory.settle(id, Object.fromEntries(weighed))
      madeAmong.delete(id)
      return ended(settlement)
    },
    release(id) {
      madeAmong.delete(id)
      return ended(memory.release(id))
    },
    setPolicy(limit, policy) {
      if (policyOf(limit) !== 'local') return
      memory.setPolicy(limit, policy)
      mostOf.set(limit, compile(policy).core.limit)
    },
  }
}
