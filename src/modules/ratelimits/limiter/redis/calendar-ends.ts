/** An instant before `now`, and the ends of the windows from it on: the script, which knows no calendar, picks by the server's time. */
export type CalendarEnds = (now: number) => readonly number[]

/** Ends beyond `now`, when they are asked for, and the least of them that are left before they are asked for anew. */
const AHEAD = 3
const LEFT = 2

/** `behindUs`: how long before `now` they begin, for a server whose clock is behind. */
export const calendarEnds = (endOf: (now: number) => number, behindUs: number): CalendarEnds => {
  let from = 0
  let ends: number[] = []
  return (now) => {
    if (now < from + behindUs / 2 || now >= (ends.at(-LEFT) ?? 0)) {
      from = now - behindUs
      ends = []
      while (now >= (ends.at(-AHEAD) ?? 0)) ends.push(endOf(ends.at(-1) ?? from))
    }
    return [from, ...ends]
  }
}
