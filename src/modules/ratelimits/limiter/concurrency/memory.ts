import type { Decision, LimitDecision } from '../decision.ts'
import { flights } from './flights.ts'
import { decideInFlight, type InFlightAsk, isLook, lifetimeUs, mostInFlight, type Wanted } from './in-flight.ts'

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
  /**
   * Holds all that is asked or nothing, until it is released or its holder is gone; asked for nothing, a cost of 0 each, it looks and makes no
   * lease. Throws RangeError for a mistake of the caller.
   */
  tryAcquireAll(asks: readonly InFlightAsk[], lease: LeaseOf): Decision
  /** False: it had been released before or was over, and this changed nothing. */
  release(id: string): boolean
  /** The holder lives. How many leases it still holds: fewer than it believes, and the rest was over. */
  renew(holder: string): number
  /** The holder is gone. How many leases ended with it. */
  drop(holder: string): number
  /** Whatever holds of this key ends, with all else that it holds. How many leases; it looks at all there are. */
  reset(limit: string, key: string): number
  /** At once for what is asked from now on; what is held above it stays. */
  setLimit(limit: string, most: number): void
  inFlight(limit: string, key: string): number
}

/** Limits of what is in flight, in this process's memory. It never waits. */
export const concurrencyLimiter = (options: ConcurrencyOptions): ConcurrencyLimiter => {
  const { limits, holderTtlMs = 30_000, leaseTtlMs = 3_600_000, retryMs = 1_000, maxLeases = 1_000_000, now } = options
  const most = mostInFlight(limits)
  const held = flights({ holderUs: lifetimeUs('holderTtlMs', holderTtlMs), leaseUs: lifetimeUs('leaseTtlMs', leaseTtlMs) })

  const swept = (): number => {
    const time = now()
    held.sweep(time)
    return time
  }

  const decide = (one: Wanted, holds: boolean): LimitDecision =>
    decideInFlight(one, { inFlight: held.inFlight(one.limit, one.key), holds, retryMs })

  return {
    tryAcquireAll(asks, { id, holder }) {
      const wanted = most.wanted(asks)
      const time = swept()
      if (!isLook(wanted) && held.has(id)) {
        held.renew(holder, time)
        return { allowed: true, limits: wanted.map((one) => decide(one, true)) }
      }
      const before = wanted.map((one) => decide(one, false))
      const fits = before.every((one) => one.allowed)
      if (isLook(wanted)) return { allowed: fits, limits: before }
      const allowed = fits && held.size() < maxLeases
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

    reset(limit, key) {
      most.of(limit)
      swept()
      return held.end(limit, key)
    },

    setLimit: most.set,

    inFlight(limit, key) {
      most.of(limit)
      swept()
      return held.inFlight(limit, key)
    },
  }
}
