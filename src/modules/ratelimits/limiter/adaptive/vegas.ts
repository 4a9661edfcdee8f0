import { type Bounds, type Sample, within } from './sample.ts'

export interface Vegas extends Bounds {
  /** Requests that may queue before the limit stops to grow; 3 times the decimal order of the limit unless told. */
  readonly alpha?: number
  /** Requests that may queue before the limit shrinks; 6 times the order unless told. */
  readonly beta?: number
  /** By the order unless told. */
  readonly decrease?: (limit: number) => number
  /** The new estimate's share in the limit: above 0 to 1; 1 unless told. */
  readonly smoothing?: number
  /** The time without load is measured anew about every so many limits' worth of samples; 30 unless told. */
  readonly probeEvery?: number
}

export interface VegasState {
  /** A real number; requests in flight are held to its whole part. */
  readonly limit: number
  /** The shortest round trip since the last probe; 0 before the first sample. */
  readonly unloadedMs: number
  readonly sinceProbe: number
}

export const vegasStart = (limit: number): VegasState => ({ limit, unloadedMs: 0, sinceProbe: 0 })

const order = (limit: number): number => Math.max(1, Math.floor(Math.log10(Math.floor(limit))))

/** What is queued, by Little's law: limit × (1 − unloaded time / time). */
const queueOf = ({ limit, unloadedMs }: VegasState, rttMs: number): number => Math.ceil(limit * (1 - unloadedMs / rttMs))

const estimate = (options: Vegas, state: VegasState, sample: Sample): number => {
  const { limit } = state
  const { alpha = 3 * order(limit), beta = 6 * order(limit), decrease = (of: number) => of - order(of) } = options
  if (sample.dropped) return decrease(limit)
  if (sample.inflight * 2 < limit) return limit
  const queue = queueOf(state, sample.rttMs)
  if (queue <= order(limit)) return limit + beta
  if (queue < alpha) return limit + order(limit)
  return queue > beta ? decrease(limit) : limit
}

/**
 * The next limit in flight: it grows while few requests queue and shrinks when many do. `random`, from 0 to below 1, keeps servers from
 * probing together. A dropped sample never becomes the time without load. Source: Brakmo and Peterson, TCP Vegas (1995), in the form of
 * Netflix's VegasLimit.
 */
export const vegas = (options: Vegas, state: VegasState, sample: Sample, random: number): VegasState => {
  const { smoothing = 1, probeEvery = 30 } = options
  const sinceProbe = state.sinceProbe + 1
  if (!sample.dropped) {
    if ((0.5 + random / 2) * probeEvery * state.limit <= sinceProbe) return { ...state, unloadedMs: sample.rttMs, sinceProbe: 0 }
    if (state.unloadedMs === 0 || sample.rttMs < state.unloadedMs) return { ...state, unloadedMs: sample.rttMs, sinceProbe }
  }
  const next = estimate(options, state, sample)
  const limit = next === state.limit ? next : state.limit + smoothing * (within(options, next) - state.limit)
  return { ...state, limit, sinceProbe }
}
