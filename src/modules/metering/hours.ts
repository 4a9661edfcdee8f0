import type { Period } from '../../lib/period.ts'

const HOUR_NS = 3_600_000_000_000n

/** A period as what the roll-ups hold of it and what only the events tell. */
export interface Slices {
  /** Whole UTC hours; undefined: the period has none. */
  readonly hours: Period | undefined
  /** The parts of hours at its ends, at most two. */
  readonly edges: readonly Period[]
}

const at = (ns: bigint): Temporal.Instant => Temporal.Instant.fromEpochNanoseconds(ns)

/** The UTC hour that an instant lies in. */
export const hourOf = (instant: Temporal.Instant): Temporal.Instant => {
  const ns = instant.epochNanoseconds
  const rest = ((ns % HOUR_NS) + HOUR_NS) % HOUR_NS
  return at(ns - rest)
}

/** Splits a half-open period; hours and edges tile it. */
export const sliceHours = ({ start, end }: Period): Slices => {
  const [s, e] = [start.epochNanoseconds, end.epochNanoseconds]
  const first = hourOf(start).epochNanoseconds === s ? s : hourOf(start).epochNanoseconds + HOUR_NS
  const last = hourOf(end).epochNanoseconds
  if (first >= last) return { hours: undefined, edges: s < e ? [{ start, end }] : [] }
  const edges = [
    { from: s, to: first },
    { from: last, to: e },
  ]
  return {
    hours: { start: at(first), end: at(last) },
    edges: edges.filter(({ from, to }) => from < to).map(({ from, to }) => ({ start: at(from), end: at(to) })),
  }
}
