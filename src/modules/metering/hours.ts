import type { Period } from '../../lib/period.ts'

const HOUR_NS = 3_600_000_000_000n

/** A period as what the roll-ups hold of it and what only the events tell; together they tile it. */
export interface Slices {
  /** Whole UTC hours; undefined: the period has none. */
  readonly hours: Period | undefined
  /** Hours among them that a cut divides: the edges hold their parts. */
  readonly divided: readonly Temporal.Instant[]
  /** Parts of hours: at most two at the ends, two more for each divided hour. */
  readonly edges: readonly Period[]
}

const at = (ns: bigint): Temporal.Instant => Temporal.Instant.fromEpochNanoseconds(ns)

const floor = (ns: bigint): bigint => ns - (((ns % HOUR_NS) + HOUR_NS) % HOUR_NS)

/** The UTC hour that an instant lies in. */
export const hourOf = (instant: Temporal.Instant): Temporal.Instant => at(floor(instant.epochNanoseconds))

const divide = (from: bigint, to: bigint, cuts: readonly bigint[]): Period[] => {
  const points = [from, ...cuts.filter((cut) => from < cut && cut < to), to]
  return points.slice(1).flatMap((end, i) => {
    const start = points[i] ?? end
    return start < end ? [{ start: at(start), end: at(end) }] : []
  })
}

/** Splits a half-open period, also at each of `cuts` (ascending) within an hour, where one group ends and the next begins. */
export const sliceHours = ({ start, end }: Period, cuts: readonly Temporal.Instant[] = []): Slices => {
  const [s, e] = [start.epochNanoseconds, end.epochNanoseconds]
  const within = cuts.map((cut) => cut.epochNanoseconds).filter((cut) => cut !== floor(cut))
  const first = floor(s) === s ? s : floor(s) + HOUR_NS
  const last = floor(e)
  if (first >= last) return { hours: undefined, divided: [], edges: divide(s, e, within) }
  const divided = [...new Set(within.filter((cut) => first < cut && cut < last).map(floor))]
  return {
    hours: { start: at(first), end: at(last) },
    divided: divided.map(at),
    edges: [
      ...divide(s, first, within),
      ...divided.flatMap((hour) => divide(hour, hour + HOUR_NS, within)),
      ...divide(last, e, within),
    ],
  }
}

/** Where the days or months of a period begin in this zone: the first at or before its start. */
export const boundaries = ({ start, end }: Period, unit: 'day' | 'month', timeZone: string): Temporal.Instant[] => {
  const found: Temporal.Instant[] = []
  const day = start.toZonedDateTimeISO(timeZone).toPlainDate()
  const first = unit === 'day' ? day : day.with({ day: 1 })
  for (let i = 0; ; i += 1) {
    const next = first
      .add(unit === 'day' ? { days: i } : { months: i })
      .toZonedDateTime(timeZone)
      .toInstant()
    if (Temporal.Instant.compare(next, end) >= 0) return found
    found.push(next)
  }
}
