import { type Ask, checkCost, type Decision, type LimitDecision } from '../decision.ts'
import { flights, type Held } from './flights.ts'

export interface ConcurrencyOptions {
  /** How much may be in flight under each key of a limit. */
  readonly limits: Readonly<Record<string, number>>
  /** A holder that is not heard of for so long is gone, and what it held with it; 30,000 ms unless told. */
  readonly holderTtlMs?: number
  /** A lease that nobody released for so long is over, though its holder lives; an hour unless told. */
  readonly leaseTtlMs?: number
  /** Nobody knows when a place comes free: how long a refused caller is told to wait; 1,000 ms unless told. */
  readonly retryMs?: number
  /** More are refused; a million unless told. */
  readonly maxLeases?: number
  /** Whole microseconds since the epoch. */
  readonly now: () => number
}

/** Who holds a lease. Its id is the caller's own, so that asking again after a lost answer holds nothing twice. */
export interface LeaseOf {
  readonly id: string
  readonly holder: string
}

export interface ConcurrencyLimiter {
  /** Holds all that is asked or nothing, until it is released or its holder is gone. Throws RangeError for a mistake of the caller. */
  tryAcquireAll(asks: readonly Ask[], lease: LeaseOf): Decision
  /** False: it had been released before or was over, and this changed nothing. */
  release(id: string): boolean
  /** The holder lives. How many leases it still holds: fewer than it believes, and the rest was over. */
  renew(holder: string): number
  /** The holder is gone. How many leases ended with it. */
  drop(holder: string): number
  /** At once for what is asked from now on; what is held above it stays. */
  setLimit(limit: string, most: number): void
  inFlight(limit: string, key: string): number
}

const whole = (name: string, value: number, least: number): number => {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is ${value}; it must be a whole number from ${least}`)
  return value
}

/** Limits of what is in flight, in this process's memory. It never waits. */
export const concurrencyLimiter = (options: ConcurrencyOptions): ConcurrencyLimiter => {
  const { limits, holderTtlMs = 30_000, leaseTtlMs = 3_600_000, retryMs = 1_000, maxLeases = 1_000_000, now } = options
  const most = new Map(Object.entries(limits).map(([name, value]) => [name, whole(`the limit '${name}'`, value, 0)]))
  const held = flights({
    holderUs: whole('holderTtlMs', holderTtlMs, 1) * 1_000,
    leaseUs: whole('leaseTtlMs', leaseTtlMs, 1) * 1_000,
  })

  const mostOf = (limit: string): number => {
    const value = most.get(limit)
    if (value === undefined) throw new RangeError(`there is no limit '${limit}'; there are ${[...most.keys()].join(', ')}`)
    return value
  }

  const swept = (): number => {
    const time = now()
    held.sweep(time)
    return time
  }

  const decide = ({ limit, key, cost }: Held, holds: boolean): LimitDecision => {
    const room = mostOf(limit) - held.inFlight(limit, key)
    const allowed = holds || cost <= room
    const never = cost > mostOf(limit) ? Number.POSITIVE_INFINITY : retryMs
    return { limit, allowed, remaining: Math.max(0, room), resetMs: 0, retryAfterMs: allowed ? 0 : never, delayMs: 0 }
  }

  return {
    tryAcquireAll(asks, { id, holder }) {
      const wanted = asks.map(({ limit, key, cost = 1 }) => ({ limit, key, cost: checkCost(cost) }))
      if (new Set(wanted.map(({ limit }) => limit)).size < wanted.length)
        throw new RangeError('a limit stands twice in one request; ask for its keys one by one')
      const time = swept()
      if (held.has(id)) {
        held.renew(holder, time)
        return { allowed: true, limits: wanted.map((one) => decide(one, true)) }
      }
      const before = wanted.map((one) => decide(one, false))
      const allowed = before.every((one) => one.allowed) && held.size() < maxLeases
      if (!allowed) return { allowed, limits: before }
      held.add(id, holder, wanted, time)
      return { allowed, limits: wanted.map((one) => decide(one, true)) }
    },

    release(id) {
      swept()
      return held.remove(id)
    },

    renew(holder) {
      return held.renew(holder, swept())
    },

    drop(holder) {
      swept()
      return held.drop(holder)
    },

    setLimit(limit, value) {
      mostOf(limit)
      most.set(limit, whole(`the limit '${limit}'`, value, 0))
    },

    inFlight(limit, key) {
      mostOf(limit)
      swept()
      return held.inFlight(limit, key)
    },
  }
}
