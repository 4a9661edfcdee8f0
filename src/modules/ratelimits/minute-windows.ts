import { compile } from './limiter/compile.ts'
import type { LimitDecision } from './limiter/decision.ts'
import { keysOf } from './limiter/memory/keys.ts'

/** What every window could hold; a key's own rate is this much less. */
const MOST = 2 ** 40
const WINDOW_MS = 60_000

/** Instants are whole microseconds since the epoch, rates calls a minute. */
export interface MinuteWindows {
  /** Where the key's numbers begin, a new key's too; -1: there is no room for another key. */
  find(key: string, now: number): number
  /** Whether one more call may be made. */
  fits(at: number, rate: number, now: number): boolean
  /** Counts one call where it is taken, and tells how things stand then. */
  tell(at: number, rate: number, now: number, fits: boolean, taken: boolean): LimitDecision
  /** Keys held. */
  size(): number
}

/**
 * Calls by key in the last minute, of which no trailing minute ever holds more than the key's rate (the ring of `cores/sliding-window.ts`). The
 * rate is asked with each call: all windows are of one size, and what a key may not take counts as taken. So a changed rate holds at once
 * for what was counted before it. `limit` is the name under which it is told.
 */
export const minuteWindows = (limit: string, maxKeys: number, seed: number, start: number): MinuteWindows => {
  const { core, rows, size, findOrAdd } = keysOf(
    compile({ algorithm: 'SLIDING_WINDOW', limit: MOST, windowMs: WINDOW_MS }),
    maxKeys,
    seed,
    start,
  )
  const left = (at: number, rate: number, now: number): number => core.room(rows(), at, now) - (MOST - rate)
  return {
    find: findOrAdd,
    fits: (at, rate, now) => at >= 0 && left(at, rate, now) >= 1,
    tell(at, rate, now, fits, taken) {
      if (at < 0) return { limit, allowed: false, remaining: 0, resetMs: WINDOW_MS, retryAfterMs: WINDOW_MS, delayMs: 0 }
      if (taken) core.take(rows(), at, now, 1)
      return {
        limit,
        allowed: fits,
        remaining: Math.max(0, left(at, rate, now)),
        resetMs: Math.ceil(core.reset(rows(), at, now) / 1_000),
        retryAfterMs: fits ? 0 : Math.ceil(core.wait(rows(), at, now, MOST - rate + 1) / 1_000),
        delayMs: 0,
      }
    },
    size,
  }
}
