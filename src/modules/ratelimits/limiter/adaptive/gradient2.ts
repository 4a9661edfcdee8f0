import { type Average, averaged, NOTHING_YET } from './exponential-average.ts'
import { type Bounds, type Sample, within } from './sample.ts'

export interface Gradient2 extends Bounds {
  /** Requests that may queue while times are steady; 4 unless told. */
  readonly queue?: number
  /** The new estimate's share in the limit; 0.2 unless told. */
  readonly smoothing?: number
  /** Samples in the long average; 600 unless told. */
  readonly longWindow?: number
}

export interface Gradient2State {
  /** A real number; requests in flight are held to its whole part. */
  readonly limit: number
  readonly longMs: Average
}

export const gradient2Start = (limit: number): Gradient2State => ({ limit, longMs: NOTHING_YET })

/** A drop, and an outlier, halves the estimate at most; the smoothing softens that to a tenth. */
const STEEPEST = 0.5
/** Below it times are rising, and the queue's term must not make up for it: limits drifted up with a gradient of 0.8 (Netflix #134). */
const STEADY = 0.95

/** After long load the average is far above what times are again: it comes down faster than by averaging. */
const unloading = (average: Average, rttMs: number): Average =>
  average.value > 2 * rttMs ? { ...average, value: average.value * 0.9 } : average

/**
 * The next limit in flight, by the long average of round trips over the current one. Source: Netflix's Gradient2Limit, but that a drop is a
 * gradient of 0.5 whatever its time, and its time is not averaged: constant timeouts looked like steady times and grew the limit to its
 * maximum (Netflix #137).
 */
export const gradient2 = (options: Gradient2, state: Gradient2State, sample: Sample): Gradient2State => {
  const { queue = 4, smoothing = 0.2, longWindow = 600 } = options
  const average = sample.dropped ? state.longMs : averaged(state.longMs, sample.rttMs, longWindow)
  const longMs = sample.dropped ? average : unloading(average, sample.rttMs)
  if (!sample.dropped && sample.inflight < state.limit / 2) return { ...state, longMs }
  const gradient = sample.dropped ? STEEPEST : Math.max(STEEPEST, Math.min(1, average.value / sample.rttMs))
  const wanted = state.limit * gradient + (sample.dropped ? 0 : queue)
  const allowed = gradient < STEADY ? Math.min(state.limit, wanted) : wanted
  return { limit: within(options, state.limit + smoothing * (allowed - state.limit)), longMs }
}
