import { type DebtWindows, KNOWN } from '../cores/debt-windows.ts'
import type { CalendarEnds } from './calendar-ends.ts'

/** Ends beyond `now`, when they are asked for, and the least that are left before they are asked for anew: the server may be a window ahead. */
const AHEAD = KNOWN + 3
const LEFT = KNOWN + 2

/**
 * As `calendarEnds`, before these the number of the window that ends first, and so many that the script tells when debt is paid as memory
 * does. `behindUs`: how long before `now` they begin, for a server whose clock is behind.
 */
export const debtEnds = ({ endOf, numberOf }: DebtWindows, behindUs: number): CalendarEnds => {
  let from = 0
  let ends: number[] = []
  let known: readonly number[] = []
  return (now) => {
    if (now < from + behindUs / 2 || now >= (ends.at(-LEFT) ?? 0)) {
      from = now - behindUs
      ends = []
      while (now >= (ends.at(-AHEAD) ?? 0)) ends.push(endOf(ends.at(-1) ?? from))
      known = [numberOf(ends[0] ?? from), from, ...ends]
    }
    return known
  }
}
