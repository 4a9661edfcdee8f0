export type CalendarUnit = 'minute' | 'hour' | 'day' | 'week' | 'month'

/** In order, for `shortestUs`. */
const SHORTEST_HOURS = { minute: 1 / 60, hour: 1, day: 23, week: 167, month: 24 * 28 - 1 } as const

/** From `start` on and before `end`, in milliseconds. */
interface Span {
  readonly start: number
  readonly end: number
}

const LENGTH_MS = { minute: 60_000, hour: 3_600_000 } as const

/** As the clock shows it between two changes of it, which cut it: so windows neither overlap nor leave a gap, whatever the clock is set by. */
const clockSpan = (at: Temporal.ZonedDateTime, unit: keyof typeof LENGTH_MS): Span => {
  const nowMs = at.epochMilliseconds
  const offsetMs = at.offsetNanoseconds / 1_000_000
  const lengthMs = LENGTH_MS[unit]
  const start = Math.floor((nowMs + offsetMs) / lengthMs) * lengthMs - offsetMs
  const before = at.add({ nanoseconds: 1 }).getTimeZoneTransition('previous')
  const after = at.getTimeZoneTransition('next')
  return {
    start: Math.max(start, before?.epochMilliseconds ?? start),
    end: Math.min(start + lengthMs, after?.epochMilliseconds ?? start + lengthMs),
  }
}

type DateUnit = Exclude<CalendarUnit, keyof typeof LENGTH_MS>

const firstDate = (date: Temporal.PlainDate, unit: DateUnit): Temporal.PlainDate => {
  switch (unit) {
    case 'day':
      return date
    case 'week':
      return date.subtract({ days: date.dayOfWeek - 1 })
    case 'month':
      return date.with({ day: 1 })
  }
}

/** From the first instant of a date to the first of another. A date that has begun stays begun where clocks go back over its midnight. */
const dateSpan = (at: Temporal.ZonedDateTime, unit: DateUnit): Span => {
  const beginOf = (date: Temporal.PlainDate): number => date.toZonedDateTime(at.timeZoneId).epochMilliseconds
  const next = (date: Temporal.PlainDate): Temporal.PlainDate => date.add({ [`${unit}s`]: 1 })
  let date = firstDate(at.toPlainDate(), unit)
  while (beginOf(next(date)) <= at.epochMilliseconds) date = next(date)
  return { start: beginOf(date), end: beginOf(next(date)) }
}

/**
 * Windows of a time zone's calendar: days of 23 to 25 hours (of 22 to 26 in Antarctica/Troll), weeks from Monday, months; hours and minutes of its clock, which each change of
 * the clock ends and begins. An hour that clocks show twice is two windows, and where they change by half an hour, or within an hour, some
 * are shorter than an hour; none is longer. The window in progress is remembered.
 */
export const calendarWindows = (timeZone: string, unit: CalendarUnit) => {
  let [start, end] = [0, 0]
  return (now: number): number => {
    if (now < start || now >= end) {
      const at = Temporal.Instant.fromEpochMilliseconds(Math.floor(now / 1_000)).toZonedDateTimeISO(timeZone)
      const span = unit === 'minute' || unit === 'hour' ? clockSpan(at, unit) : dateSpan(at, unit)
      start = span.start * 1_000
      end = span.end * 1_000
    }
    return end
  }
}

/** The shortest window of the unit that no change of the clock cuts, in microseconds: what a debt is paid off by. */
export const shortestUs = (unit: CalendarUnit): number => SHORTEST_HOURS[unit] * 3_600_000_000
