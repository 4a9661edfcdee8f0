import { type CalendarUnit, calendarWindows } from './calendar.ts'
import { windowNumbers } from './calendar-numbers.ts'

/** The windows of a limit that carries debt from one to the next. Instants and spans are whole microseconds. */
export interface DebtWindows {
  /** When the window that holds `now` ends. Where debt is carried over, windows follow `before`, the end of one, without a gap. */
  endOf(now: number, before?: number): number
  /** Counts the window that ends at `end` among its like; 0 where all are of one length, which tells how many have gone by. */
  numberOf(end: number): number
  /** How many windows are over at `now`, from the one of that number on, which ended at `end`. */
  gone(end: number, number: number, now: number): number
  /** When the `count`th window after the one that ended at `end` does. */
  endAfter(end: number, count: number): number
}

export const evenWindows = (endOf: DebtWindows['endOf'], lengthUs: number): DebtWindows => ({
  endOf,
  numberOf: () => 0,
  gone: (end, _number, now) => 1 + Math.floor((now - end) / lengthUs),
  endAfter: (end, count) => end + count * lengthUs,
})

/** Of months over the 400 years in which calendars come round. */
export const MEAN_US = {
  minute: 60_000_000,
  hour: 3_600_000_000,
  day: 86_400_000_000,
  week: 604_800_000_000,
  month: 2_629_746_000_000,
} as const satisfies Record<CalendarUnit, number>

/** So many windows ahead ends are told by the calendar, and beyond by the mean length from there on. How many are over is always exact. */
export const KNOWN = 12

export const calendarDebt = (timeZone: string, unit: CalendarUnit): DebtWindows => {
  const current = calendarWindows(timeZone, unit)
  const following = calendarWindows(timeZone, unit)
  const numberOf = windowNumbers(timeZone, unit)
  let ends: number[] = []
  return {
    endOf: (now) => current(now),
    numberOf,
    gone: (_end, number, now) => Math.max(1, numberOf(current(now)) - number),
    endAfter(end, count) {
      if (ends[0] !== end) ends = [end]
      const known = Math.min(count, KNOWN)
      while (ends.length <= known) ends.push(following(ends.at(-1) ?? end))
      return (ends[known] ?? end) + (count - known) * MEAN_US[unit]
    },
  }
}
