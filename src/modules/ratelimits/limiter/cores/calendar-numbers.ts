import type { CalendarUnit } from './calendar.ts'

const LENGTH_MS = { minute: 60_000, hour: 3_600_000 } as const
type ClockUnit = keyof typeof LENGTH_MS

const zonedAt = (ms: number, timeZone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone)

const clockNumber = (at: Temporal.ZonedDateTime, lengthMs: number): number =>
  Math.floor((at.epochMilliseconds + at.offsetNanoseconds / 1_000_000) / lengthMs)

/** Hours or minutes of a clock since the epoch: what its changes made it show twice counts twice, and what they skipped does not count. */
const clockNumbers = (timeZone: string, unit: ClockUnit): ((endMs: number) => number) => {
  const lengthMs = LENGTH_MS[unit]
  let change: Temporal.ZonedDateTime | null | undefined
  let [countedMs, unshown] = [0, 0]
  return (endMs) => {
    const last = endMs - 1
    if (change === undefined || last < countedMs) {
      change = zonedAt(0, timeZone).getTimeZoneTransition('next')
      ;[countedMs, unshown] = [0, 0]
    }
    while (change && change.epochMilliseconds <= last) {
      countedMs = change.epochMilliseconds
      unshown += clockNumber(zonedAt(countedMs - 1, timeZone), lengthMs) + 1 - clockNumber(change, lengthMs)
      change = change.getTimeZoneTransition('next')
    }
    return clockNumber(zonedAt(last, timeZone), lengthMs) + unshown
  }
}

const DAY_MS = 86_400_000

const dateNumber = (endMs: number, timeZone: string, unit: Exclude<CalendarUnit, ClockUnit>): number => {
  const { year, month, day } = zonedAt(endMs, timeZone)
  const days = Date.UTC(year, month - 1, day) / DAY_MS
  switch (unit) {
    case 'day':
      return days
    case 'week':
      return Math.floor((days + 3) / 7)
    case 'month':
      return year * 12 + month
  }
}

/** Numbers the windows of a time zone's calendar one after the other; asked by a window's end, in microseconds since the epoch. */
export const windowNumbers = (timeZone: string, unit: CalendarUnit): ((end: number) => number) => {
  const numberOf =
    unit === 'minute' || unit === 'hour'
      ? clockNumbers(timeZone, unit)
      : (endMs: number): number => dateNumber(endMs, timeZone, unit)
  let [known, number] = [0, 0]
  return (end) => {
    if (end !== known) [known, number] = [end, numberOf(end / 1_000)]
    return number
  }
}
