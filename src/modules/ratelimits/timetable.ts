/** When something holds: at the times of each span, of which one is enough. */

/** In the order of ISO 8601. */
export const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
export type Day = (typeof DAYS)[number]

/** Times of the week as the clocks of a place show them: an hour that is shown twice counts twice, one that is skipped never comes. */
export interface WeeklyHours {
  readonly timeZone: string
  /** On which the hours begin; all unless told. */
  readonly days?: readonly Day[]
  /** `HH:MM`; the beginning of the day unless told. */
  readonly from?: string
  /** `HH:MM`, not itself included; the day's end unless told. Before `from`, it is of the day after. */
  readonly to?: string
}

/** All that is told must hold. */
export interface Span {
  readonly startsAt?: Temporal.Instant
  /** Not itself included. */
  readonly endsAt?: Temporal.Instant
  readonly hours?: WeeklyHours
}

/** Empty: always. */
export type Schedule = readonly Span[]

const DAY_MINUTES = 1_440

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

const shown = (zone: string, atMs: number): { readonly weekday: number; readonly minute: number } => {
  const { dayOfWeek, hour, minute } = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone)
  return { weekday: dayOfWeek - 1, minute: hour * 60 + minute }
}

const inHours = ({ timeZone, days = DAYS, from, to }: WeeklyHours, atMs: number): boolean => {
  const { weekday, minute } = shown(timeZone, atMs)
  const begin = from === undefined ? 0 : minutesOf(from)
  const end = to === undefined ? DAY_MINUTES : minutesOf(to)
  const on = (day: number): boolean => days.some((name) => name === DAYS[day])
  if (begin < end) return on(weekday) && minute >= begin && minute < end
  return (on(weekday) && minute >= begin) || (on((weekday + 6) % 7) && minute < end)
}

const lately = new WeakMap<WeeklyHours, { readonly second: number; readonly holds: boolean }>()

/** Remembered for the second: hours begin and end with whole ones, and reading a place's clock takes longer than counting a request. */
const inHoursNow = (hours: WeeklyHours, atMs: number): boolean => {
  const second = Math.floor(atMs / 1_000)
  const known = lately.get(hours)
  if (known?.second === second) return known.holds
  const holds = inHours(hours, atMs)
  lately.set(hours, { second, holds })
  return holds
}

const isIn = ({ startsAt, endsAt, hours }: Span, atMs: number): boolean =>
  (startsAt === undefined || startsAt.epochMilliseconds <= atMs) &&
  (endsAt === undefined || atMs < endsAt.epochMilliseconds) &&
  (hours === undefined || inHoursNow(hours, atMs))

/** `atMs`: since the epoch. */
export const holdsAt = (schedule: Schedule, atMs: number): boolean =>
  schedule.length === 0 || schedule.some((span) => isIn(span, atMs))

/** What makes no sense of a span; undefined: it does. */
export const spanFault = ({ startsAt, endsAt, hours }: Span): string | undefined => {
  if (!startsAt && !endsAt && !hours) return 'says no time; leave it out'
  if (startsAt && endsAt && Temporal.Instant.compare(startsAt, endsAt) >= 0) return 'ends before it begins'
  const all = hours && hours.from === undefined && hours.to === undefined
  if (all && !hours.days) return 'holds at every hour; say days, from or to, or leave out time_zone'
  return hours?.from !== undefined && hours.from === hours.to
    ? `is from ${hours.from} to ${hours.to}, which is no time; leave out both for whole days`
    : undefined
}
