import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calendarEnds } from '../redis/calendar-ends.ts'
import { type CalendarUnit, calendarWindows, shortestUs } from './calendar.ts'

const UNITS: readonly CalendarUnit[] = ['minute', 'hour', 'day', 'week', 'month']
const ZONES = Intl.supportedValuesOf('timeZone')
const MINUTE_US = 60_000_000
const HOUR_US = 60 * MINUTE_US
const at = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds * 1_000
const [FROM, TO] = [at('2026-01-01T00:00:00Z'), at('2028-01-01T00:00:00Z')]
/** In hours. The clocks of Antarctica/Troll change by two. */
const LONGEST = { minute: 1 / 60, hour: 1, day: 26, week: 170, month: 31 * 24 + 2 } as const

const transitionsOf = (timeZone: string): readonly number[] => {
  const found: number[] = []
  let one = Temporal.Instant.fromEpochMilliseconds(FROM / 1_000)
    .toZonedDateTimeISO(timeZone)
    .getTimeZoneTransition('next')
  for (; one && one.epochMilliseconds * 1_000 < TO; one = one.getTimeZoneTransition('next'))
    found.push(one.epochMilliseconds * 1_000)
  return found
}

/** The windows from the one that holds `now` on, each found afresh: nothing that an earlier question left behind can help. */
const windowsFrom = (timeZone: string, unit: CalendarUnit, now: number, count: number): readonly number[] => {
  const ends: number[] = []
  for (let i = 0; i < count; i += 1) ends.push(calendarWindows(timeZone, unit)(ends.at(-1) ?? now))
  return ends
}

const problemsAt = (timeZone: string, unit: CalendarUnit, now: number): readonly string[] => {
  const end = calendarWindows(timeZone, unit)(now)
  const problems = []
  if (end <= now) problems.push('ends in the past')
  if (end - now > LONGEST[unit] * HOUR_US) problems.push('is too long')
  if (end > now && calendarWindows(timeZone, unit)(end - 1) !== end) problems.push('is not one window to its end')
  return problems.map((problem) => `${unit} of ${timeZone} at ${now} ${problem}`)
}

/** How far from a change the windows are followed: beyond it clocks go evenly. */
const AROUND_US = { minute: MINUTE_US, hour: 2 * HOUR_US, day: 0, week: 0, month: 0 } as const

test('around every change of a clock in 2026 and 2027, in every zone, windows of each unit hold now and follow one another', () => {
  const problems: string[] = []
  let changes = 0
  for (const timeZone of ZONES)
    for (const change of transitionsOf(timeZone)) {
      changes += 1
      for (const unit of UNITS) {
        problems.push(...problemsAt(timeZone, unit, change - 1), ...problemsAt(timeZone, unit, change))
        let now = change - AROUND_US[unit]
        for (; now < change + AROUND_US[unit] && problems.length < 10; now = calendarWindows(timeZone, unit)(now))
          problems.push(...problemsAt(timeZone, unit, now))
      }
    }
  expect(problems).toEqual([])
  expect(changes).toBeGreaterThan(100)
}, 60_000)

test('at any instant, in any zone, an answer does not hang on what was asked before', () => {
  const asked = fc.record({
    timeZone: fc.constantFrom(...ZONES),
    unit: fc.constantFrom(...UNITS),
    instants: fc.array(fc.integer({ min: FROM, max: TO }), { minLength: 1, maxLength: 4 }),
  })
  fc.assert(
    fc.property(asked, ({ timeZone, unit, instants }) => {
      const remembering = calendarWindows(timeZone, unit)
      for (const now of instants) {
        expect(problemsAt(timeZone, unit, now)).toEqual([])
        const end = remembering(now)
        expect(end).toBe(calendarWindows(timeZone, unit)(now))
        expect(remembering(end - 1)).toBe(end)
        expect(remembering(now)).toBe(end)
      }
    }),
    { numRuns: 500 },
  )
})

describe('the hours in which a clock is changed', () => {
  test.each([
    ['Europe/Berlin', 'skips an hour', '2026-03-29T00:10:00Z', [50, 60, 60]],
    ['Europe/Berlin', 'shows one twice: two windows', '2026-10-25T00:10:00Z', [50, 60, 60]],
    ['Asia/Kathmandu', 'begins hours at a quarter past', '2026-10-25T00:10:00Z', [5, 60, 60]],
    [
      'Australia/Lord_Howe',
      'goes back half an hour at two: from half past one to two is a window of 30',
      '2026-04-04T14:10:00Z',
      [50, 30, 60],
    ],
    [
      'Australia/Lord_Howe',
      'goes on half an hour at two: from half past two to three is a window of 30',
      '2026-10-03T14:40:00Z',
      [50, 30, 60],
    ],
    ['Pacific/Chatham', 'goes back an hour at 3:45: windows of 45 and 15', '2026-04-04T13:15:00Z', [45, 15, 60, 60]],
    ['Pacific/Chatham', 'goes on an hour at 2:45: windows of 45 and 15', '2026-09-26T13:15:00Z', [45, 15, 60, 60]],
  ])('%s %s', (timeZone, _, iso, minutes) => {
    const ends = windowsFrom(timeZone, 'hour', at(iso), minutes.length)
    expect(ends.map((end, i) => (end - (ends[i - 1] ?? at(iso))) / MINUTE_US)).toEqual(minutes)
  })
})

test.each([
  ['a day that skips its midnight', 'Africa/Cairo', 'day', '2026-04-23T23:00:00Z', '2026-04-24T21:00:00Z'],
  ['a day that has its last hour twice', 'Africa/Cairo', 'day', '2026-10-29T21:30:00Z', '2026-10-29T22:00:00Z'],
  ['a date whose midnight came twice', 'America/Goose_Bay', 'day', '2010-11-07T03:30:00Z', '2010-11-08T04:00:00Z'],
  ['a date that never was', 'Pacific/Apia', 'day', '2011-12-30T09:30:00Z', '2011-12-30T10:00:00Z'],
  ['a week, from Monday', 'Europe/Berlin', 'week', '2026-03-29T12:00:00Z', '2026-03-29T22:00:00Z'],
  ['a month', 'Europe/Berlin', 'month', '2026-03-01T12:00:00Z', '2026-03-31T22:00:00Z'],
] as const)('%s', (_, timeZone, unit, now, end) => {
  expect(calendarWindows(timeZone, unit)(at(now))).toBe(at(end))
})

test.each(['Australia/Lord_Howe', 'Pacific/Chatham', 'Europe/Berlin'])(
  'the ends sent to a server hold its time, an hour behind or on, in the hours of %s in which the clock is changed',
  (timeZone) => {
    const ends = calendarEnds(calendarWindows(timeZone, 'hour'), shortestUs('hour'))
    for (const change of transitionsOf(timeZone))
      for (let now = change - 4 * HOUR_US; now < change + 4 * HOUR_US; now += 5 * MINUTE_US) {
        const [from = 0, ...sent] = ends(now)
        for (const serverTime of [now - HOUR_US / 2, now, now + HOUR_US / 4]) {
          expect(from).toBeLessThanOrEqual(serverTime)
          expect(sent.find((end) => serverTime < end)).toBe(calendarWindows(timeZone, 'hour')(serverTime))
        }
      }
  },
)
