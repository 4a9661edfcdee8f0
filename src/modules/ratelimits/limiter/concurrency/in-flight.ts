import { type Ask, checkCost, type LimitDecision } from '../decision.ts'
import type { Held } from './flights.ts'

const whole = (name: string, value: number, least: number): number => {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is ${value}; it must be a whole number from ${least}`)
  return value
}

/** A lifetime in whole microseconds. Throws RangeError. */
export const lifetimeUs = (name: string, ms: number): number => whole(name, ms, 1) * 1_000

export interface InFlightAsk extends Ask {
  /** How much may be in flight under this key; the limit's own number unless told. */
  readonly most?: number
}

/** One limit's part of a request, and how much of it may be in flight. */
export type Wanted = Held & { readonly most: number }

/** How much may be in flight under each key of a limit: numbers that change while requests come. */
export interface MostInFlight {
  /** Throws RangeError for a limit that does not exist. */
  of(limit: string): number
  set(limit: string, most: number): void
  /** What a request asks for, checked. Throws RangeError for a mistake of the caller. */
  wanted(asks: readonly InFlightAsk[]): readonly Wanted[]
}

export const mostInFlight = (limits: Readonly<Record<string, number>>): MostInFlight => {
  const byName = new Map(Object.entries(limits).map(([name, value]) => [name, whole(`the limit '${name}'`, value, 0)]))
  const of = (limit: string): number => {
    const most = byName.get(limit)
    if (most === undefined) throw new RangeError(`there is no limit '${limit}'; there are ${[...byName.keys()].join(', ')}`)
    return most
  }
  return {
    of,
    set(limit, most) {
      of(limit)
      byName.set(limit, whole(`the limit '${limit}'`, most, 0))
    },
    wanted(asks) {
      if (new Set(asks.map(({ limit }) => limit)).size < asks.length)
        throw new RangeError('a limit stands twice in one request; ask for its keys one by one')
      return asks.map(({ limit, key, cost = 1, most }) => {
        const own = of(limit)
        return { limit, key, cost: checkCost(cost), most: most === undefined ? own : whole(`the most of '${limit}'`, most, 0) }
      })
    },
  }
}

/** A request for nothing looks: it makes no lease. */
export const isLook = (wanted: readonly Held[]): boolean => wanted.every(({ cost }) => cost === 0)

export interface Standing {
  /** With the request's own where `holds`. */
  readonly inFlight: number
  readonly holds: boolean
  /** Nobody knows when a place comes free. */
  readonly retryMs: number
}

/** What a limit says of a request. */
export const decideInFlight = ({ limit, cost, most }: Wanted, { inFlight, holds, retryMs }: Standing): LimitDecision => {
  const room = most - inFlight
  const allowed = holds || cost <= room
  const refusedMs = cost > most ? Number.POSITIVE_INFINITY : retryMs
  return { limit, allowed, remaining: Math.max(0, room), resetMs: 0, retryAfterMs: allowed ? 0 : refusedMs, delayMs: 0 }
}
