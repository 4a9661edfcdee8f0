/**
 * held: the estimate counts. settled: the truth counts in its place. released: nothing counts. expired: its holder said nothing in time, so
 * that nothing counts; if the truth comes after all, it counts.
 */
export type ReservationState = 'held' | 'settled' | 'released' | 'expired'

const NEXT = {
  held: ['settled', 'released', 'expired'],
  expired: ['settled'],
  settled: [],
  released: [],
} as const satisfies Record<ReservationState, readonly ReservationState[]>

export const canMove = (from: ReservationState, to: ReservationState): boolean =>
  (NEXT[from] as readonly ReservationState[]).includes(to)

/** A year and a day, as of windows: ends are told apart by their microsecond, which instants beyond 2^53 have not. */
const LONGEST_MS = 366 * 86_400_000

/** Throws RangeError. */
export const checkTtl = (ttlMs: number): number => {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > LONGEST_MS)
    throw new RangeError(`ttlMs is ${ttlMs}; it must be a whole number from 1 to ${LONGEST_MS}`)
  return ttlMs
}

/** When a reservation may end: `from` when its time is over, `to` at most a 32nd of it later, so that what many of a key hold is few sums. */
export interface Ends {
  readonly from: number
  readonly to: number
}

/** In microseconds. */
export const endsOf = (now: number, ttlMs: number): Ends => {
  const ttlUs = ttlMs * 1_000
  const from = now + ttlUs
  return { from, to: from + Math.max(1, 2 ** Math.floor(Math.log2(ttlUs / 32))) }
}

/** Throws RangeError where a truth is told of a limit that the reservation is not of: the estimate would count in its place, for good. */
export const checkTold = (id: string, told: readonly string[], limits: readonly string[]): void => {
  const stray = told.find((limit) => !limits.includes(limit))
  if (stray !== undefined)
    throw new RangeError(`reservation '${id}' is not of the limit '${stray}'; it is of ${limits.join(', ') || 'none'}`)
}

/** A limit may have a name that every object has a value for. */
export const toldOf = (costs: Readonly<Record<string, number>>, limit: string): number | undefined =>
  Object.hasOwn(costs, limit) ? costs[limit] : undefined

/** What settling or releasing came to. `changed` false: it had been done before, and this changed nothing. */
export interface Settlement {
  readonly state: ReservationState | 'unknown'
  readonly changed: boolean
}
