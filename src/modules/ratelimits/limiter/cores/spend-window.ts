import type { Core, Rows } from './core.ts'

export interface SpendWindow {
  /** In 10^-12 of the currency's major unit. */
  readonly limitPico: bigint
  /** A window's end as of `fixedWindow`; `before` ended with debt, and windows follow it without a gap. */
  readonly endOf: (now: number, before?: number) => number
  /** Tells how many windows have gone by. */
  readonly windowUs: number
}

/** A sum of money is two whole numbers, so that it stays exact beyond 2^53: major units and 10^-12 of one, the latter from 0 to 10^12 - 1. */
const WHOLE = 1_000_000_000_000

const spentPico = (rows: Rows, at: number): bigint =>
  BigInt(rows[at + 1] as number) * BigInt(WHOLE) + BigInt(rows[at + 2] as number)

/**
 * Counts money spent in a window, in 10^-12 of a major unit: an amount is at most 2^53 of these, some 9,000 dollars a request; the sum is not
 * bounded so. What went beyond the limit is debt, and each window pays off a limit's worth of it.
 * Row: the window's end, whole units, the rest. Stamp: the window's end.
 */
export const spendWindow = ({ limitPico, endOf, windowUs }: SpendWindow): Core => {
  const [limitWhole, limitRest] = [Number(limitPico / BigInt(WHOLE)), Number(limitPico % BigInt(WHOLE))]
  const limit = limitPico > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(limitPico)

  /** limit - spent, cut to what a number holds exactly. */
  const room = (rows: Rows, at: number): number => {
    const whole = limitWhole - (rows[at + 1] as number)
    const rest = limitRest - (rows[at + 2] as number)
    return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(whole * WHOLE + rest, Number.MAX_SAFE_INTEGER))
  }
  /** Adds `whole` and `rest`, each of either sign, and stops at nothing spent. */
  const add = (rows: Rows, at: number, whole: number, rest: number): void => {
    const sum = (rows[at + 2] as number) + rest
    const carry = Math.floor(sum / WHOLE)
    const units = (rows[at + 1] as number) + whole + carry
    rows[at + 1] = Math.max(units, 0)
    rows[at + 2] = units < 0 ? 0 : sum - carry * WHOLE
  }
  const isFree = (rows: Rows, at: number): boolean => rows[at + 1] === 0 && rows[at + 2] === 0
  /** How many windows must end before nothing is owed. */
  const windowsOwed = (rows: Rows, at: number): number => {
    const owed = spentPico(rows, at)
    return limitPico === 0n ? 1 : Number((owed + limitPico - 1n) / limitPico)
  }

  return {
    width: 3,
    limit,
    fades: false,
    advance(rows, at, now) {
      const end = rows[at] as number
      if (now < end || end === 0) return
      const gone = 1 + Math.floor((now - end) / windowUs)
      const owed = spentPico(rows, at) - limitPico * BigInt(gone)
      const left = owed > 0n && limitPico > 0n ? owed : 0n
      rows[at + 1] = Number(left / BigInt(WHOLE))
      rows[at + 2] = Number(left % BigInt(WHOLE))
      rows[at] = left > 0n ? endOf(now, end) : 0
    },
    room,
    take(rows, at, now, amount) {
      if (rows[at] === 0 && amount > 0) rows[at] = endOf(now)
      const whole = Math.floor(amount / WHOLE)
      add(rows, at, whole, amount - whole * WHOLE)
    },
    takeAs(rows, at, now, from, fromAt) {
      if (isFree(from, fromAt)) return
      if (rows[at] === 0) rows[at] = endOf(now)
      add(rows, at, from[fromAt + 1] as number, from[fromAt + 2] as number)
    },
    stamp: (rows, at) => rows[at] as number,
    giveBack(rows, at, _now, amount, stamp) {
      if (rows[at] !== stamp) return
      const whole = Math.floor(amount / WHOLE)
      add(rows, at, -whole, whole * WHOLE - amount)
    },
    wait(rows, at, now, amount) {
      if (amount > limit) return Number.POSITIVE_INFINITY
      const over = BigInt(amount) - (limitPico - spentPico(rows, at))
      if (over <= 0n) return 0
      // A limit of nothing pays no debt off; the window's end forgives it.
      const windows = limitPico === 0n ? 1 : Number((over + limitPico - 1n) / limitPico)
      return (rows[at] as number) + (windows - 1) * windowUs - now
    },
    reset: (rows, at, now) => (isFree(rows, at) ? 0 : (rows[at] as number) + (windowsOwed(rows, at) - 1) * windowUs - now),
  }
}
