import type { Core, Rows } from '../cores/core.ts'
import type { Ends } from '../reservation.ts'

/** What reservations that end together hold of a key, taken in one window or flowing off together. */
interface Sum {
  readonly end: number
  stamp: number
  amount: number
}

/** Which sum an amount is in. */
export type Place = Readonly<Pick<Sum, 'end' | 'stamp'>>

/** What reservations hold of one limit's keys, each by its slot. The sums of a key are in the order of their ends, as in Redis's rows. */
export interface Holds {
  /** No key has any. */
  isEmpty(): boolean
  /** Holds what was taken last. */
  add(slot: number, rows: Rows, at: number, now: number, amount: number, ends: Ends): Place
  /** `amount` is held no longer, and `back` of it is given back; nothing of what was forgotten since, or has flowed off. */
  end(slot: number, rows: Rows, at: number, now: number, amount: number, back: number, place: Place): void
  /** Gives back, as of its end, what ended. Before anything else is done with the key. */
  expire(slot: number, rows: Rows, at: number, now: number): void
  /** Gives back what nobody holds. */
  giveBack(slot: number, rows: Rows, at: number, now: number, amount: number): void
  /** The last end that is to come; 0: nothing is held. */
  lastEnd(slot: number): number
  forget(slot: number): void
}

export const holdsOf = (core: Core): Holds => {
  const { flow } = core
  const bySlot = new Map<number, Sum[]>()

  /** Of a bucket's sum nothing has flowed off yet: else those in it could not be told apart by their amounts. */
  const takesIn = ({ stamp }: Sum, rows: Rows, at: number, wanted: number): boolean =>
    flow ? flow.flowed(rows, at, stamp) === 0 : stamp === wanted

  /** Of a bucket less is to flow off before all that comes after `stamp`. */
  const sooner = (sums: readonly Sum[], rows: Rows, at: number, stamp: number, units: number, but?: Sum): void => {
    if (flow && units > 0)
      for (const sum of sums) if (sum !== but && sum.stamp >= stamp) sum.stamp = flow.sooner(rows, at, sum.stamp, units)
  }

  const giveBack = (sums: readonly Sum[], sum: Sum, rows: Rows, at: number, now: number, back: number): void => {
    const { stamp, amount } = sum
    if (flow) sooner(sums, rows, at, stamp, flow.giveBack(rows, at, back, stamp, amount), sum)
    else core.giveBack(rows, at, now, back, stamp)
  }

  return {
    isEmpty: () => bySlot.size === 0,
    add(slot, rows, at, now, amount, { from, to }) {
      const stamp = core.stamp(rows, at, now, amount)
      // Else they would grow by each window that ends before its reservations do.
      const sums = (bySlot.get(slot) ?? []).filter((sum) => core.counts(rows, at, sum.amount, sum.stamp))
      bySlot.set(slot, sums)
      const same = sums.find((sum) => sum.end >= from && sum.end <= to && takesIn(sum, rows, at, stamp))
      if (same) {
        same.amount += amount
        if (flow) for (const sum of sums) if (sum.stamp > same.stamp) sum.stamp = flow.later(sum.stamp, amount)
        return same
      }
      // No two sums of a key end at one instant: it tells them apart.
      let end = to
      while (sums.some((sum) => sum.end === end)) end += 1
      const sum: Sum = { end, stamp, amount }
      sums.splice(sums.findLastIndex((other) => other.end < end) + 1, 0, sum)
      return sum
    },
    end(slot, rows, at, now, amount, back, { end, stamp }) {
      const sums = bySlot.get(slot) ?? []
      // Of windows the sum at that end may be a later one's, for another that went.
      const i = sums.findIndex((sum) => sum.end === end && (flow || sum.stamp === stamp))
      const sum = sums[i]
      if (!sum) return
      giveBack(sums, sum, rows, at, now, back)
      sum.amount -= amount
      if (sum.amount <= 0) sums.splice(i, 1)
      if (sums.length === 0) bySlot.delete(slot)
    },
    expire(slot, rows, at, now) {
      const sums = bySlot.get(slot)
      if (!sums) return
      for (let first = sums[0]; first && first.end <= now; first = sums[0]) {
        if (core.fades) core.advance(rows, at, first.end)
        if (core.fades || first.end < first.stamp) giveBack(sums, first, rows, at, first.end, first.amount)
        sums.shift()
      }
      if (sums.length === 0) bySlot.delete(slot)
    },
    giveBack(slot, rows, at, now, amount) {
      const stamp = core.stamp(rows, at, now, 0)
      const sums = bySlot.get(slot) ?? []
      if (flow) sooner(sums, rows, at, 0, flow.giveBack(rows, at, amount, stamp, amount))
      else core.giveBack(rows, at, now, amount, stamp)
    },
    lastEnd: (slot) => bySlot.get(slot)?.at(-1)?.end ?? 0,
    forget: (slot) => {
      bySlot.delete(slot)
    },
  }
}
