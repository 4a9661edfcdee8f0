import type { Core } from './core.ts'

export interface FixedWindow {
  readonly limit: number
  /** The instant at which the window that holds `now` ends. */
  readonly endOf: (now: number) => number
}

/** Windows of equal length that begin with the epoch. */
export const epochWindows = (lengthUs: number) => (now: number) => (Math.floor(now / lengthUs) + 1) * lengthUs
/** A window that begins with a key's first use, or where debt is carried over with the end of the window before. */
export const firstUseWindows = (lengthUs: number) => (now: number, before?: number) =>
  before === undefined ? now + lengthUs : before + (Math.floor((now - before) / lengthUs) + 1) * lengthUs

/** Counts what is taken in a window and forgets it with the window. Row: the window's end, what was taken. Stamp: the window's end. */
export const fixedWindow = ({ limit, endOf }: FixedWindow): Core => ({
  width: 2,
  limit,
  fades: false,
  advance(rows, at, now) {
    if (now < (rows[at] as number)) return
    rows[at] = 0
    rows[at + 1] = 0
  },
  room: (rows, at) => limit - (rows[at + 1] as number),
  take(rows, at, now, amount) {
    if (rows[at] === 0 && amount > 0) rows[at] = endOf(now)
    rows[at + 1] = (rows[at + 1] as number) + amount
  },
  stamp: (rows, at) => rows[at] as number,
  counts: (rows, at, _amount, stamp) => rows[at] === stamp,
  giveBack(rows, at, _now, amount, stamp) {
    if (rows[at] === stamp) rows[at + 1] = Math.max(0, (rows[at + 1] as number) - amount)
  },
  wait(rows, at, now, amount) {
    if (amount > limit) return Number.POSITIVE_INFINITY
    return (rows[at + 1] as number) + amount <= limit ? 0 : (rows[at] as number) - now
  },
  reset: (rows, at, now) => (rows[at + 1] === 0 ? 0 : (rows[at] as number) - now),
})
