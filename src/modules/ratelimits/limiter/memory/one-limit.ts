import type { Core } from '../cores/core.ts'
import type { LimitDecision } from '../decision.ts'
import type { Keys } from './keys.ts'

/** One limit as a request meets it. */
export interface Limit {
  readonly name: string
  readonly keys: Keys
  /** Whether its policy is a shaper, which delays what it admits. */
  readonly shapes: boolean
}

/** What one limit has for a request, before it is known whether the others let it pass. */
export interface Weighed {
  readonly limit: Limit
  /** Where the key's numbers begin; -1: it has none and gets none. */
  readonly at: number
  /** In the policy's unit, as `room`. */
  readonly cost: number
  /** What may be taken now; negative in debt. */
  readonly room: number
  readonly fits: boolean
  /** The key needs a place and has none. */
  readonly unplaced: boolean
}

/** When to ask again while there is no place for a new key. */
const FULL_US = 1_000_000

const toMs = (us: number): number => Math.ceil(us / 1_000)

/** Only what may be taken gets a place for its key: a look, or what never fits, leaves nothing behind. */
export const needsPlace = ({ limit }: Core, cost: number): boolean => cost > 0 && cost <= limit

/** Weighs a cost against the numbers at `at`. `admits`: without a place the key has all of the limit, uncounted; else nothing. */
export const weigh = (limit: Limit, at: number, cost: number, time: number, admits: boolean): Weighed => {
  const { core, rows } = limit.keys
  const unplaced = at < 0 && needsPlace(core, cost)
  const roomUnused = unplaced && !admits ? 0 : core.limit
  const room = at < 0 ? roomUnused : core.room(rows(), at, time)
  return { limit, at, cost, room, fits: room >= cost, unplaced }
}

/** Until it would fit, if nobody takes meanwhile. */
const waitUs = ({ limit: { keys }, at, cost, unplaced }: Weighed, time: number): number => {
  if (at >= 0) return keys.core.wait(keys.rows(), at, time, cost)
  return unplaced ? FULL_US : Number.POSITIVE_INFINITY
}

/** `passes`: all limits of the request let it through. It is then taken, unless `takes` says that this only tries. */
export const conclude = (weighed: Weighed, time: number, passes: boolean, takes: boolean): LimitDecision => {
  const { limit, at, cost, room, fits } = weighed
  const { core, rows } = limit.keys
  const counts = passes && at >= 0 && cost > 0
  const delayUs = counts && limit.shapes ? core.reset(rows(), at, time) : 0
  if (counts && takes) core.take(rows(), at, time, cost)
  return {
    limit: limit.name,
    allowed: fits,
    remaining: Math.max(0, passes && takes ? room - cost : room),
    resetMs: at < 0 ? 0 : toMs(core.reset(rows(), at, time)),
    retryAfterMs: fits ? 0 : toMs(waitUs(weighed, time)),
    delayMs: delayUs === 0 ? 0 : toMs(delayUs),
  }
}
