/** An instant before `now`, and the ends of the windows from it on: the script, which knows no calendar, picks by the server's time. */
export type CalendarEnds = (now: number) => readonly number[]

const AHEAD = 4

/** `shortestUs`: no window is shorter, so that the first end is that of the window in progress or of the one before. */
export const calendarEnds = (endOf: (now: number) => number, shortestUs: number): CalendarEnds => {
  let from = 0
  let ends: number[] = []
  return (now) => {
    if (now < from + shortestUs / 2 || now >= (ends[AHEAD - 2] ?? 0)) {
      from = now - shortestUs
      ends = []
      for (let at = from; ends.length < AHEAD; at = ends.at(-1) ?? at) ends.push(endOf(at))
    }
    return [from, ...ends]
  }
}
