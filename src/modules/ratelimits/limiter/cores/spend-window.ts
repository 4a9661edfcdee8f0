import type { Core, Rows } from './core.ts'
import type { DebtWindows } from './debt-windows.ts'

export interface SpendWindow {
  /** In 10^-12 of the currency's major unit. */
  readonly limitPico: bigint
  readonly windows: DebtWindows
}

/** A sum of money is two whole numbers, so that it stays exact beyond 2^53: major units and 10^-12 of one, the latter from 0 to 10^12 - 1. */
const WHOLE = 1_000_000_000_000
/** Where a row has its window's number, and where its sums begin: what was spent, what of it is debt, what a window pays of that. */
const [NUMBER, SPENT, DEBT, PACE, WIDTH] = [1, 2, 4, 6, 8]

const isZero = (rows: Rows, sum: number): boolean => rows[sum] === 0 && rows[sum + 1] === 0
const picoOf = (rows: Rows, sum: number): bigint => BigInt(rows[sum] as number) * BigInt(WHOLE) + BigInt(rows[sum + 1] as number)
const put = (rows: Rows, sum: number, pico: bigint): void => {
  rows[sum] = Number(pico / BigInt(WHOLE))
  rows[sum + 1] = Number(pico % BigInt(WHOLE))
}
/** Adds `whole` and `rest`, each of either sign, and stops at nothing. */
const add = (rows: Rows, sum: number, whole: number, rest: number): void => {
  const parts = (rows[sum + 1] as number) + rest
  const carry = Math.floor(parts / WHOLE)
  const units = (rows[sum] as number) + whole + carry
  rows[sum] = Math.max(units, 0)
  rows[sum + 1] = units < 0 ? 0 : parts - carry * WHOLE
}
const addAmount = (rows: Rows, sum: number, amount: number, sign: 1 | -1 = 1): void => {
  const whole = Math.floor(amount / WHOLE)
  add(rows, sum, sign * whole, sign * (amount - whole * WHOLE))
}

/** How many windows must end before no more than `most` is left of what was spent. */
const windowsUntil = (rows: Rows, at: number, most: bigint): number => {
  const [debt, pace] = [picoOf(rows, at + DEBT), picoOf(rows, at + PACE)]
  return pace === 0n || debt <= most ? 1 : 1 + Number((debt - most + pace - 1n) / pace)
}

/**
 * Counts money spent in a window, in 10^-12 of a major unit: an amount is at most 2^53 of these, some 9,000 dollars a request; the sum is not
 * bounded so. What went beyond the limit that held when it was taken is debt, whatever the limit becomes: it counts as spent in the next
 * window, and each window that it fills pays a limit's worth of it, the largest that the key took under while it owed. What a limit of
 * nothing let through is forgiven with its window. So what is owed when follows from the row alone, whoever looks, by whichever limit.
 * Row: the window's end and number; what was spent, what of it is debt, and what a window pays, each as whole units and the rest. Stamp: the
 * window's end.
 */
export const spendWindow = ({ limitPico, windows }: SpendWindow): Core => {
  const [limitWhole, limitRest] = [Number(limitPico / BigInt(WHOLE)), Number(limitPico % BigInt(WHOLE))]
  const limit = limitPico > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(limitPico)

  /** limit - spent, cut to what a number holds exactly. */
  const room = (rows: Rows, at: number): number => {
    const whole = limitWhole - (rows[at + SPENT] as number)
    const rest = limitRest - (rows[at + SPENT + 1] as number)
    return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(whole * WHOLE + rest, Number.MAX_SAFE_INTEGER))
  }
  const setPace = (rows: Rows, at: number): void => {
    if (isZero(rows, at + DEBT)) put(rows, at + PACE, 0n)
    else if (picoOf(rows, at + PACE) < limitPico) put(rows, at + PACE, limitPico)
  }
  const begin = (rows: Rows, at: number, end: number): void => {
    rows[at] = end
    rows[at + NUMBER] = windows.numberOf(end)
  }

  return {
    width: WIDTH,
    limit,
    fades: false,
    advance(rows, at, now) {
      const end = rows[at] as number
      if (now < end || end === 0) return
      const [debt, pace, number] = [picoOf(rows, at + DEBT), picoOf(rows, at + PACE), rows[at + NUMBER] as number]
      rows.fill(0, at, at + WIDTH)
      if (pace === 0n) return
      const left = debt - pace * BigInt(windows.gone(end, number, now) - 1)
      if (left <= 0n) return
      begin(rows, at, windows.endOf(now, end))
      put(rows, at + SPENT, left)
      if (left <= pace) return
      put(rows, at + DEBT, left - pace)
      put(rows, at + PACE, pace)
    },
    room,
    take(rows, at, now, amount) {
      if (rows[at] === 0 && amount > 0) begin(rows, at, windows.endOf(now))
      const over = amount - Math.max(0, room(rows, at))
      addAmount(rows, at + SPENT, amount)
      if (over > 0) addAmount(rows, at + DEBT, over)
      setPace(rows, at)
    },
    takeAs(rows, at, now, from, fromAt) {
      if (isZero(from, fromAt + SPENT)) return
      if (rows[at] === 0) begin(rows, at, windows.endOf(now))
      for (const sum of [SPENT, DEBT]) add(rows, at + sum, from[fromAt + sum] as number, from[fromAt + sum + 1] as number)
      setPace(rows, at)
    },
    stamp: (rows, at) => rows[at] as number,
    counts: (rows, at, _amount, stamp) => rows[at] === stamp,
    giveBack(rows, at, _now, amount, stamp) {
      if (rows[at] !== stamp) return
      for (const sum of [SPENT, DEBT]) addAmount(rows, at + sum, amount, -1)
      if (isZero(rows, at + DEBT)) put(rows, at + PACE, 0n)
    },
    wait(rows, at, now, amount) {
      if (amount > limit) return Number.POSITIVE_INFINITY
      if (room(rows, at) >= amount) return 0
      return windows.endAfter(rows[at] as number, windowsUntil(rows, at, limitPico - BigInt(amount)) - 1) - now
    },
    reset(rows, at, now) {
      if (isZero(rows, at + SPENT)) return 0
      return windows.endAfter(rows[at] as number, windowsUntil(rows, at, 0n) - 1) - now
    },
  }
}
