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
const WEEK_MINUTES = 7 * DAY_MINUTES

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

/** Minutes of the week from Monday's beginning; what goes beyond Sunday's end is of the next Monday. */
const stretchesOf = ({
  days = DAYS,
  from = '00:00',
  to = '00:00',
}: WeeklyHours): readonly (readonly [begin: number, end: number])[] => {
  const length = minutesOf(to) - minutesOf(from)
  return days.flatMap((day) => {
    const begin = DAYS.indexOf(day) * DAY_MINUTES + minutesOf(from)
    const end = begin + (length > 0 ? length : length + DAY_MINUTES)
    return [[begin, Math.min(end, WEEK_MINUTES)] as const, [0, end - WEEK_MINUTES] as const]
  })
}

/** Whether hours of one time zone leave out no minute that its clocks ever show. */
const coverWeek = (hours: readonly WeeklyHours[]): boolean => {
  const stretches = hours.flatMap(stretchesOf).toSorted(([a], [b]) => a - b)
  let covered = 0
  for (const [begin, end] of stretches) if (begin <= covered) covered = Math.max(covered, end)
  return covered === WEEK_MINUTES
}

const EPOCH = Temporal.Instant.fromEpochMilliseconds(0)
/** Also under two names. */
const isSameZone = (a: string, b: string): boolean => a === b || EPOCH.toZonedDateTimeISO(a).equals(EPOCH.toZonedDateTimeISO(b))

const startOf = ({ startsAt }: Span): number => startsAt?.epochMilliseconds ?? Number.NEGATIVE_INFINITY
const endOf = ({ endsAt }: Span): number => endsAt?.epochMilliseconds ?? Number.POSITIVE_INFINITY

/**
 * Whether spans leave out no time at all: from each of their instants to the next, one is of all hours, or those of one time zone are of the whole
 * week. Hours of several time zones are not put together.
 */
export const holdsAlways = (schedule: Schedule): boolean => {
  const instants = schedule.flatMap((span) => [startOf(span), endOf(span)])
  const begins = [Number.NEGATIVE_INFINITY, ...instants.filter(Number.isFinite)]
  return begins.every((begin) => {
    const under = schedule.filter((span) => startOf(span) <= begin && begin < endOf(span))
    const hours = under.flatMap((span) => span.hours ?? [])
    return (
      hours.length < under.length ||
      hours.some(({ timeZone }) => coverWeek(hours.filter((other) => isSameZone(other.timeZone, timeZone))))
    )
  })
}

/** What makes no sense of a span; undefined: it does. */
export const spanFault = ({ startsAt, endsAt, hours }: Span): string | undefined => {
  if (!startsAt && !endsAt && !hours) return 'says no time; leave it out'
  if (startsAt && endsAt && Temporal.Instant.compare(startsAt, endsAt) >= 0) return 'ends before it begins'
  if (hours?.from !== undefined && hours.from === hours.to)
    return `is from ${hours.from} to ${hours.to}, which is no time; leave out both for whole days`
  return hours && coverWeek([hours])
    ? 'holds at every hour; say days, from or to that leave some out, or leave out hours'
    : undefined
}
