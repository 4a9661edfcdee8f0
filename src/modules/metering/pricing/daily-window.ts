/** A part of every UTC day in seconds, start included, end not; an end before the start runs over midnight. */
export type DailyWindow = { readonly from: number; readonly to: number }

const DAY = 86_400

const secondsOfDay = (text: string): number => {
  const at = Temporal.Instant.from(`1970-01-02T${text}`).epochMilliseconds / 1000
  return at % DAY
}

/** From times with an offset, such as '16:30:00Z' or '00:30:00+08:00'. */
export const dailyWindow = (start: string, end: string): DailyWindow => ({ from: secondsOfDay(start), to: secondsOfDay(end) })

export function inWindow({ from, to }: DailyWindow, epochMs: number): boolean {
  const second = (((epochMs / 1000) % DAY) + DAY) % DAY
  return to < from ? second >= from || second < to : second >= from && second < to
}
