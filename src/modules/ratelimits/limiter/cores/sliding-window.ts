import type { Core, Rows } from './core.ts'

export interface SlidingWindow {
  readonly limit: number
  readonly windowUs: number
  /** Into how many buckets the window is cut: more forget sooner, and cost a number a key each. */
  readonly buckets: number
}

/**
 * A ring of buckets in which the oldest, of which only a part may lie in the window, counts whole: no trailing window ever holds more than
 * the limit, whatever the moments. What was taken is forgotten between one window and one window and a bucket later.
 * Row: the newest bucket's index since the epoch, the sum, then the buckets. Stamp: the bucket's index.
 */
export const slidingWindow = ({ limit, windowUs, buckets }: SlidingWindow): Core => {
  const lengthUs = Math.ceil(windowUs / buckets)
  const size = buckets + 1
  const slot = (at: number, bucket: number): number => at + 2 + (bucket % size)
  const leaves = (bucket: number): number => (bucket + size) * lengthUs

  const counts = (rows: Rows, at: number, stamp: number): boolean => {
    const newest = rows[at] as number
    return stamp <= newest && newest - stamp < size
  }
  const clear = (rows: Rows, at: number, bucket: number): void => {
    const place = slot(at, bucket)
    rows[at + 1] = (rows[at + 1] as number) - (rows[place] as number)
    rows[place] = 0
  }

  return {
    width: 2 + size,
    limit,
    fades: true,
    advance(rows, at, now) {
      const newest = Math.floor(now / lengthUs)
      const before = rows[at] as number
      if (newest <= before) return
      rows[at] = newest
      if (rows[at + 1] !== 0) for (let b = Math.max(before + 1, newest - buckets); b <= newest; b += 1) clear(rows, at, b)
    },
    room: (rows, at) => limit - (rows[at + 1] as number),
    take(rows, at, _now, amount) {
      const newest = rows[at] as number
      const place = slot(at, newest)
      rows[place] = (rows[place] as number) + amount
      rows[at + 1] = (rows[at + 1] as number) + amount
    },
    stamp: (rows, at) => rows[at] as number,
    counts: (rows, at, _amount, stamp) => counts(rows, at, stamp),
    giveBack(rows, at, _now, amount, stamp) {
      if (!counts(rows, at, stamp)) return
      const place = slot(at, stamp)
      const back = Math.min(amount, rows[place] as number)
      rows[place] = (rows[place] as number) - back
      rows[at + 1] = (rows[at + 1] as number) - back
    },
    wait(rows, at, now, amount) {
      if (amount > limit) return Number.POSITIVE_INFINITY
      let over = (rows[at + 1] as number) + amount - limit
      if (over <= 0) return 0
      const newest = rows[at] as number
      let bucket = newest - buckets
      for (; bucket < newest && over > (rows[slot(at, bucket)] as number); bucket += 1) over -= rows[slot(at, bucket)] as number
      return leaves(bucket) - now
    },
    reset(rows, at, now) {
      if (rows[at + 1] === 0) return 0
      let bucket = rows[at] as number
      while (rows[slot(at, bucket)] === 0) bucket -= 1
      return leaves(bucket) - now
    },
  }
}
