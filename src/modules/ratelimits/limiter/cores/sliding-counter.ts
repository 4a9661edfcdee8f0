import type { Core, Rows } from './core.ts'

export interface SlidingCounter {
  readonly limit: number
  readonly windowUs: number
}

/**
 * The two-counter approximation of a sliding window: of the last window's count, the share that still overlaps, cut to a whole number. It
 * takes three numbers a key and lets nearly twice the limit through to who times it: a burst, then a poll.
 * Row: the window's index since the epoch, its count, the count before. Stamp: the window's index.
 * Source: the decision of unkey's rate limiter (internal/services/ratelimit), estimate = current + trunc(previous × (1 - elapsed)).
 */
export const slidingCounter = ({ limit, windowUs }: SlidingCounter): Core => {
  const carried = (rows: Rows, at: number, now: number): number => {
    const left = ((rows[at] as number) + 1) * windowUs - now
    return Math.trunc(((rows[at + 2] as number) * Math.min(left, windowUs)) / windowUs)
  }
  const room = (rows: Rows, at: number, now: number): number => limit - (rows[at + 1] as number) - carried(rows, at, now)

  return {
    width: 3,
    limit,
    fades: true,
    advance(rows, at, now) {
      const index = Math.floor(now / windowUs)
      const before = rows[at] as number
      if (index <= before) return
      rows[at + 2] = index === before + 1 ? (rows[at + 1] as number) : 0
      rows[at + 1] = 0
      rows[at] = index
    },
    room,
    take(rows, at, _now, amount) {
      rows[at + 1] = (rows[at + 1] as number) + amount
    },
    stamp: (rows, at) => rows[at] as number,
    counts: (rows, at, _amount, stamp) => stamp === rows[at] || stamp === (rows[at] as number) - 1,
    giveBack(rows, at, _now, amount, stamp) {
      const place = stamp === rows[at] ? at + 1 : stamp === (rows[at] as number) - 1 ? at + 2 : -1
      if (place >= 0) rows[place] = Math.max(0, (rows[place] as number) - amount)
    },
    wait(rows, at, now, amount) {
      if (amount > limit) return Number.POSITIVE_INFINITY
      if (room(rows, at, now) >= amount) return 0
      const [current, previous] = [rows[at + 1] as number, rows[at + 2] as number]
      const end = ((rows[at] as number) + 1) * windowUs
      // In this window the current count stays and the one before fades; in the next the current one fades in its turn.
      const [fading, spare, from] =
        current + amount <= limit ? [previous, limit - current - amount, end] : [current, limit - amount, end + windowUs]
      // trunc(fading × left / window) ≤ spare holds from left < (spare + 1) × window / fading on.
      const left = Math.ceil(((spare + 1) * windowUs) / fading) - 1
      return from - Math.min(left, windowUs) - now
    },
    reset(rows, at, now) {
      const index = rows[at] as number
      if (rows[at + 1] !== 0) return (index + 2) * windowUs - now
      return rows[at + 2] === 0 ? 0 : (index + 1) * windowUs - now
    },
  }
}
