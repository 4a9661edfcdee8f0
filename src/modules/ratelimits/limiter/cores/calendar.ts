export type CalendarUnit = 'minute' | 'hour' | 'day' | 'week' | 'month'

/** In order, for `windowUs` of units that vary: the shortest. */
const SHORTEST_HOURS = { minute: 1 / 60, hour: 1, day: 23, week: 167, month: 24 * 28 - 1 } as const

const startOf = (at: Temporal.ZonedDateTime, unit: CalendarUnit): Temporal.ZonedDateTime => {
  switch (unit) {
    case 'minute':
    case 'hour':
      return at.round({ smallestUnit: unit, roundingMode: 'floor' })
    case 'day':
      return at.startOfDay()
    case 'week':
      return at.subtract({ days: at.dayOfWeek - 1 }).startOfDay()
    case 'month':
      return at.with({ day: 1 }).startOfDay()
  }
}

/** Windows of a time zone's calendar: days of 23 to 25 hours, weeks from Monday, months. The window in progress is remembered. */
export const calendarWindows = (timeZone: string, unit: CalendarUnit) => {
  let [start, end] = [0, 0]
  return (now: number): number => {
    if (now < start || now >= end) {
      const at = Temporal.Instant.fromEpochMilliseconds(Math.floor(now / 1_000)).toZonedDateTimeISO(timeZone)
      const first = startOf(at, unit)
      start = first.epochMilliseconds * 1_000
      end = startOf(first.add({ [`${unit}s`]: 1 }), unit).epochMilliseconds * 1_000
    }
    return end
  }
}

/** The shortest window of the unit, in microseconds: what a debt is paid off by at most. */
export const shortestUs = (unit: CalendarUnit): number => SHORTEST_HOURS[unit] * 3_600_000_000
