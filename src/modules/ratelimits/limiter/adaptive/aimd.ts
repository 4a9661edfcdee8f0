import { type Bounds, type Sample, within } from './sample.ts'

export interface Aimd extends Bounds {
  /** What a drop leaves of the limit: 0.5 to below 1; 0.9 unless told. */
  readonly backoff?: number
  /** A longer round trip is a drop; 5,000 ms unless told. */
  readonly timeoutMs?: number
}

/**
 * The next limit in flight: one more for each success while at least half is used, a share less for each drop. Source: Chiu and Jain,
 * Analysis of the Increase and Decrease Algorithms for Congestion Avoidance (1989), in the form of Netflix's AIMDLimit.
 */
export const aimd = ({ backoff = 0.9, timeoutMs = 5_000, ...bounds }: Aimd, limit: number, sample: Sample): number => {
  if (sample.dropped || sample.rttMs > timeoutMs) return within(bounds, Math.min(limit - 1, Math.floor(limit * backoff)))
  return sample.inflight * 2 >= limit ? within(bounds, limit + 1) : limit
}
