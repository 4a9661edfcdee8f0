import { allocate } from './money.ts'

export type Cycle = 'monthly' | 'quarterly' | 'annual'

export const CYCLE_MONTHS = { monthly: 1, quarterly: 3, annual: 12 } as const satisfies Record<Cycle, number>

/** Half-open: `start` belongs to it, `end` to the next. */
export interface Period {
  readonly start: Temporal.Instant
  readonly end: Temporal.Instant
}

export interface IndexedPeriod extends Period {
  /** 0 is the period that starts at the anchor; before it they are negative. */
  readonly index: number
}

/** What fixes every period of a subscription, past and to come. `timeZone` is an IANA name. */
export interface Schedule {
  readonly anchor: Temporal.Instant
  readonly timeZone: string
  readonly cycle: Cycle
}

/**
 * Where period `index` starts: the anchor's wall-clock time plus index cycles, its day clamped to the month. Always counted from the anchor, never
 * from the period before, so 31 January is followed by 28 February and 31 March. A wall-clock time that DST skips moves on by the gap, one that
 * occurs twice is the first (Temporal's 'compatible'); a day that a zone left out (Apia, 30 December 2011) moves on to the next.
 */
const startOf = ({ anchor, timeZone, cycle }: Schedule, index: number): Temporal.Instant =>
  index === 0 // the anchor itself, though its wall-clock time may be the second of two
    ? anchor
    : anchor
        .toZonedDateTimeISO(timeZone)
        .toPlainDateTime()
        .add({ months: index * CYCLE_MONTHS[cycle] }, { overflow: 'constrain' })
        .toZonedDateTime(timeZone, { disambiguation: 'compatible' })
        .toInstant()

export const periodByIndex = (schedule: Schedule, index: number): IndexedPeriod => ({
  index,
  start: startOf(schedule, index),
  end: startOf(schedule, index + 1),
})

/** The period that `at` lies in. The periods of a schedule tile all time: each instant lies in exactly one. */
export const periodAt = (schedule: Schedule, at: Temporal.Instant): IndexedPeriod => {
  const local = (instant: Temporal.Instant): Temporal.PlainDateTime =>
    instant.toZonedDateTimeISO(schedule.timeZone).toPlainDateTime()
  const months = local(schedule.anchor).until(local(at), { largestUnit: 'months' }).months
  let index = Math.floor(months / CYCLE_MONTHS[schedule.cycle]) // a guess: clamped days and DST can put it off by one
  while (Temporal.Instant.compare(at, startOf(schedule, index)) < 0) index -= 1
  while (Temporal.Instant.compare(at, startOf(schedule, index + 1)) >= 0) index += 1
  return periodByIndex(schedule, index)
}

/** The first period boundary strictly after `at`: when a subscription that is due at `at` is due again. */
export const nextAnchorAfter = (schedule: Schedule, at: Temporal.Instant): Temporal.Instant => periodAt(schedule, at).end

/**
 * Splits `price` (minor units) over a period at `change` by elapsed time, in nanoseconds, so that a change on a second's boundary is
 * prorated by the second. `used + unused = price` always; a cent that falls exactly between them is used. For a second change in
 * one period pass what was charged for the rest and { start: firstChange, end }: the parts then still sum to the price.
 * Throws RangeError when the change is outside the period. Source: by-second proration as Stripe and Polar do it.
 */
export const split = (price: bigint, { start, end }: Period, change: Temporal.Instant): { used: bigint; unused: bigint } => {
  const elapsed = change.epochNanoseconds - start.epochNanoseconds
  const remaining = end.epochNanoseconds - change.epochNanoseconds
  if (elapsed < 0n || remaining < 0n || elapsed + remaining === 0n)
    throw new RangeError(`the change at ${change} is outside the period ${start} to ${end}`)
  const [used = 0n] = allocate(price, [elapsed, remaining])
  return { used, unused: price - used }
}
