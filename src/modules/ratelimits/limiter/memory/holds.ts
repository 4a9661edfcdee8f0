import type { Core, Rows } from '../cores/core.ts'

/** What reservations that end together hold of a key, taken in one window or bucket. */
interface Sum {
  readonly end: number
  readonly stamp: number
  amount: number
}

/** What reservations hold of one limit's keys, each by its slot. The sums of a key are in the order of their ends, as in Redis's rows. */
export interface Holds {
  /** No key has any. */
  isEmpty(): boolean
  add(slot: number, end: number, amount: number, stamp: number): void
  remove(slot: number, end: number, amount: number, stamp: number): void
  /** Gives back, as of its end, what ended. Before anything else is done with the key. */
  expire(slot: number, rows: Rows, at: number, now: number): void
  /** The last end that is to come; 0: nothing is held. */
  lastEnd(slot: number): number
  forget(slot: number): void
}

export const holdsOf = (core: Core): Holds => {
  const bySlot = new Map<number, Sum[]>()

  const giveBack = ({ end, amount, stamp }: Sum, rows: Rows, at: number): void => {
    if (core.fades) core.advance(rows, at, end)
    else if (end >= stamp) return
    core.giveBack(rows, at, end, amount, stamp)
  }

  return {
    isEmpty: () => bySlot.size === 0,
    add(slot, end, amount, stamp) {
      const sums = bySlot.get(slot) ?? []
      bySlot.set(slot, sums)
      const same = sums.find((sum) => sum.end === end && sum.stamp === stamp)
      if (same) same.amount += amount
      else sums.splice(sums.findLastIndex((sum) => sum.end <= end) + 1, 0, { end, amount, stamp })
    },
    remove(slot, end, amount, stamp) {
      const sums = bySlot.get(slot) ?? []
      const i = sums.findIndex((sum) => sum.end === end && sum.stamp === stamp)
      const sum = sums[i]
      if (!sum) return
      sum.amount -= amount
      if (sum.amount <= 0) sums.splice(i, 1)
      if (sums.length === 0) bySlot.delete(slot)
    },
    expire(slot, rows, at, now) {
      const sums = bySlot.get(slot)
      if (!sums) return
      for (let first = sums[0]; first && first.end <= now; first = sums[0]) {
        giveBack(first, rows, at)
        sums.shift()
      }
      if (sums.length === 0) bySlot.delete(slot)
    },
    lastEnd: (slot) => bySlot.get(slot)?.at(-1)?.end ?? 0,
    forget: (slot) => {
      bySlot.delete(slot)
    },
  }
}
