/** A quantile is off by at most this share of its true value. */
export const RELATIVE_ERROR = 0.01

/** Below this a value counts as 0, above MAX as MAX; in milliseconds that is from a microsecond to eleven days. */
const MIN = 1e-3
const MAX = 1e9
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const LOG_GAMMA = Math.log(GAMMA)

/** Parallel arrays, buckets ascending: for JSON, for a column, for the wire. */
export interface HistogramArrays {
  readonly buckets: readonly number[]
  readonly counts: readonly number[]
}

export interface Histogram {
  /** Counts a value (≥ 0, any unit) `times` times. */
  record(value: number, times?: number): void
  /** How many values were counted. */
  count(): number
  /** The value at rank ⌊q × (count − 1)⌋ of the sorted values, within RELATIVE_ERROR; undefined when nothing was counted. */
  p(q: number): number | undefined
  /** Adds what another counted; the result is what one histogram of both would hold. */
  merge(other: Histogram): void
  toArrays(): HistogramArrays
}

const bucketOf = (value: number): number =>
  value < MIN ? 0 : 1 + Math.max(0, Math.ceil(Math.log(Math.min(value, MAX) / MIN) / LOG_GAMMA))

/** The point of a bucket that is equally far, relatively, from both its ends. */
const middleOf = (bucket: number): number => (bucket === 0 ? 0 : (MIN * 2 * GAMMA ** (bucket - 1)) / (GAMMA + 1))

/**
 * Quantiles of durations in bounded memory (at most 1,400 buckets that grow by 2 %), exact under merging. Source: DDSketch, Masson,
 * Rim and Lee, VLDB 2019, with a fixed range in place of collapsing buckets.
 */
export const histogram = (from: HistogramArrays = { buckets: [], counts: [] }): Histogram => {
  if (from.buckets.length !== from.counts.length) throw new RangeError('a histogram has one count for each bucket')
  const counts = new Map<number, number>()
  let total = 0
  const add = (bucket: number, times: number): void => {
    counts.set(bucket, (counts.get(bucket) ?? 0) + times)
    total += times
  }
  const addAll = ({ buckets, counts: times }: HistogramArrays): void => {
    for (const [index, bucket] of buckets.entries()) add(bucket, times[index] ?? 0)
  }
  const sorted = (): [number, number][] => [...counts].sort(([a], [b]) => a - b)
  addAll(from)

  return {
    record: (value, times = 1) => {
      if (!(value >= 0)) throw new RangeError(`a duration is 0 or more, not ${value}`)
      add(bucketOf(value), times)
    },
    count: () => total,
    p: (q) => {
      const rank = Math.floor(q * (total - 1))
      let seen = 0
      for (const [bucket, times] of sorted()) {
        seen += times
        if (seen > rank) return middleOf(bucket)
      }
      return undefined
    },
    merge: (other) => addAll(other.toArrays()),
    toArrays: () => {
      const entries = sorted()
      return { buckets: entries.map(([bucket]) => bucket), counts: entries.map(([, times]) => times) }
    },
  }
}
