import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DAYS, type Day, holdsAlways, holdsAt, type Schedule, type Span, spanFault } from './timetable.ts'

const at = (text: string): number => Temporal.Instant.from(text).epochMilliseconds
const berlin = (from?: string, to?: string, days?: readonly Day[]): Schedule => [
  {
    hours: {
      timeZone: 'Europe/Berlin',
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(days === undefined ? {} : { days }),
    },
  },
]
const OFFICE = berlin('09:00', '17:30', ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'])
const NIGHT = berlin('22:00', '06:00', ['friday'])
const SUNDAY = berlin(undefined, undefined, ['sunday'])

// Berlin is an hour ahead of UTC in winter and two in summer: 2026-03-29 has no 02:00 to 03:00, 2026-10-25 has it twice (IANA tz database).
test.each<readonly [string, Schedule, string, boolean]>([
  ['always, where nothing is told', [], '2026-01-01T00:00:00Z', true],
  ['a second before the office opens', OFFICE, '2026-01-05T07:59:59.999Z', false],
  ['when it opens', OFFICE, '2026-01-05T08:00:00Z', true],
  ['a second before it closes', OFFICE, '2026-01-05T16:29:59.999Z', true],
  ['when it closes', OFFICE, '2026-01-05T16:30:00Z', false],
  ['an hour earlier by UTC in summer', OFFICE, '2026-07-06T07:00:00Z', true],
  ['not on a Saturday', OFFICE, '2026-01-10T10:00:00Z', false],
  ['from the evening of the day that is named', NIGHT, '2026-01-09T21:00:00Z', true],
  ['to the morning after', NIGHT, '2026-01-10T04:59:59Z', true],
  ['and no longer', NIGHT, '2026-01-10T05:00:00Z', false],
  ['not in the morning of the day itself', NIGHT, '2026-01-09T03:00:00Z', false],
  ['not in the evening after', NIGHT, '2026-01-10T21:00:00Z', false],
  ['over the end of the week', berlin('22:00', '06:00', ['sunday']), '2026-01-12T04:00:00Z', true],
  ['a whole day begins at its midnight', SUNDAY, '2026-03-28T23:00:00Z', true],
  ['and ends at the next, 23 hours later where an hour is skipped', SUNDAY, '2026-03-29T21:59:59Z', true],
  ['by the clock of summer', SUNDAY, '2026-03-29T22:00:00Z', false],
  ['and 25 hours later where an hour is shown twice', SUNDAY, '2026-10-25T22:59:59Z', true],
  ['by the clock of winter', SUNDAY, '2026-10-25T23:00:00Z', false],
  ['an hour that is skipped never comes', berlin('02:00', '03:00'), '2026-03-29T01:00:00Z', false],
  ['nor just before', berlin('02:00', '03:00'), '2026-03-29T00:59:59Z', false],
  ['an hour that is shown twice counts: the first', berlin('02:00', '02:30'), '2026-10-25T00:00:00Z', true],
  ['and again: the second', berlin('02:00', '02:30'), '2026-10-25T01:29:59Z', true],
  ['and between the two it does not', berlin('02:00', '02:30'), '2026-10-25T00:30:00Z', false],
  ['to the end of the day where none is told', berlin('18:00'), '2026-01-05T22:59:59Z', true],
  ['by half an hour of a time zone', [{ hours: { timeZone: 'Asia/Kolkata', from: '09:00' } }], '2026-01-05T03:30:00Z', true],
  ['one span is enough', [...OFFICE, ...SUNDAY], '2026-01-11T10:00:00Z', true],
])('a schedule holds %s', (_name, schedule, instant, expected) => {
  expect(holdsAt(schedule, at(instant))).toBe(expected)
})

const span: Span = {
  startsAt: Temporal.Instant.from('2026-11-27T00:00:00.250Z'),
  endsAt: Temporal.Instant.from('2026-12-01T00:00:00Z'),
}
test.each([
  ['2026-11-27T00:00:00.249Z', false],
  ['2026-11-27T00:00:00.250Z', true],
  ['2026-11-30T23:59:59.999Z', true],
  ['2026-12-01T00:00:00Z', false],
])('between two instants, to the millisecond: %s is %s', (instant, expected) => {
  expect(holdsAt([span], at(instant))).toBe(expected)
})

test('all that a span tells must hold', () => {
  const sale = [{ ...span, hours: { timeZone: 'UTC', from: '20:00' } }]
  const holds = (instant: string) => holdsAt(sale, at(instant))
  expect([holds('2026-11-28T19:59:59Z'), holds('2026-11-28T20:00:00Z'), holds('2026-12-02T20:00:00Z')]).toEqual([
    false,
    true,
    false,
  ])
})

test('what is remembered for a second is not told of another, forwards or back', () => {
  const times = ['2026-01-05T08:00:00Z', '2026-01-05T07:59:59Z', '2026-01-05T08:00:00.999Z', '2026-01-06T18:00:00Z']
  expect(times.map((instant) => holdsAt(OFFICE, at(instant)))).toEqual([true, false, true, false])
})

const now = Temporal.Instant.from('2026-01-01T00:00:00Z')
const EVERY_HOUR = 'holds at every hour; say days, from or to that leave some out, or leave out hours'
test.each<readonly [Span, string | undefined]>([
  [{}, 'says no time; leave it out'],
  [{ startsAt: now, endsAt: now }, 'ends before it begins'],
  [{ hours: { timeZone: 'UTC' } }, EVERY_HOUR],
  [{ hours: { timeZone: 'UTC', to: '00:00' } }, EVERY_HOUR],
  [{ hours: { timeZone: 'Europe/Berlin', from: '00:00' } }, EVERY_HOUR],
  [{ hours: { timeZone: 'Europe/Berlin', days: DAYS.toReversed() } }, EVERY_HOUR],
  [{ hours: { timeZone: 'Europe/Berlin', days: DAYS, from: '00:00' } }, EVERY_HOUR],
  [{ endsAt: now, hours: { timeZone: 'UTC', to: '00:00' } }, EVERY_HOUR],
  [
    { hours: { timeZone: 'UTC', from: '09:00', to: '09:00' } },
    'is from 09:00 to 09:00, which is no time; leave out both for whole days',
  ],
  [
    { hours: { timeZone: 'UTC', from: '00:00', to: '00:00' } },
    'is from 00:00 to 00:00, which is no time; leave out both for whole days',
  ],
  [{ endsAt: now }, undefined],
  [{ hours: { timeZone: 'UTC', days: ['monday'], to: '00:00' } }, undefined],
  [{ hours: { timeZone: 'UTC', days: DAYS.slice(1) } }, undefined],
  [{ hours: { timeZone: 'UTC', from: '00:01' } }, undefined],
  [{ hours: { timeZone: 'UTC', from: '09:01', to: '09:00' } }, undefined],
  [{ hours: { timeZone: 'UTC', to: '23:59' } }, undefined],
])('%j: %s', (given, fault) => {
  expect(spanFault(given)).toBe(fault)
})

const WEEKDAYS = DAYS.slice(0, 5)
const hoursOf = (timeZone: string, from?: string, to?: string, days?: readonly Day[]): Schedule =>
  berlin(from, to, days).map(({ hours }) => ({ hours: { ...hours, timeZone } }))
const [before, from]: readonly [Span, Span] = [{ endsAt: now }, { startsAt: now }]
test.each<readonly [string, Schedule, boolean]>([
  ['a day and a night that adjoin', [...berlin('06:00', '22:00'), ...berlin('22:00', '06:00')], true],
  ['the same but for a minute', [...berlin('06:00', '22:00'), ...berlin('22:01', '06:00')], false],
  ['spans that overlap', [...berlin('05:00', '23:00'), ...berlin('20:00', '07:00')], true],
  ['each day of a week by itself', DAYS.flatMap((day) => berlin(undefined, undefined, [day])), true],
  ['six of them', DAYS.slice(1).flatMap((day) => berlin(undefined, undefined, [day])), false],
  [
    'weekdays and the days of rest',
    [...berlin(undefined, '00:00', WEEKDAYS), ...berlin('00:00', undefined, DAYS.slice(5))],
    true,
  ],
  [
    'a week from midday to midday, over its end',
    [
      ...berlin('12:00', '00:00', DAYS),
      ...berlin(undefined, '12:00', DAYS.slice(0, 6)),
      ...berlin('12:00', '11:00', ['saturday', 'sunday']),
    ],
    false,
  ],
  ['nights over the end of the week, and the days', [...berlin('18:00', '08:00'), ...berlin('08:00', '18:00')], true],
  [
    'all but the hour that clocks skip once a year',
    [...berlin('03:00', '02:00', ['sunday']), ...berlin(undefined, undefined, DAYS.slice(0, 6))],
    false,
  ],
  ['one zone under two names', [...hoursOf('UTC', undefined, '12:00'), ...hoursOf('Etc/UTC', '12:00')], true],
  [
    'halves of a day by two zones, which part in summer',
    [...hoursOf('UTC', undefined, '12:00'), ...hoursOf('Europe/London', '12:00')],
    false,
  ],
  ['until an instant, and from it', [before, from], true],
  ['until an instant, and from a later one', [before, { startsAt: now.add({ milliseconds: 1 }) }], false],
  ['until an instant, and from an earlier one', [before, { startsAt: now.subtract({ hours: 1 }) }], true],
  ['until an instant, and then at night', [before, { ...from, ...berlin('22:00', '06:00')[0] }], false],
  [
    'until an instant, and then day and night',
    [before, { ...from, ...berlin('22:00', '06:00')[0] }, { ...from, ...berlin('06:00', '22:00')[0] }],
    true,
  ],
  ['day and night, one of them for a while', [...berlin('22:00', '06:00'), { ...before, ...berlin('06:00', '22:00')[0] }], false],
  ['an office', OFFICE, false],
])('whether spans hold always: %s', (_name, schedule, always) => {
  expect(holdsAlways(schedule)).toBe(always)
})

const QUARTERS = 4 * 24
/** A day, or two with a change of the clocks, of each zone; 30 minutes by Lord Howe's, and a whole day that Apia left out. */
test.each([
  ['Europe/Berlin', '2026-03-28T22:00:00Z'],
  ['Europe/Berlin', '2026-10-24T22:00:00Z'],
  ['America/New_York', '2026-03-08T04:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T12:00:00Z'],
  ['Pacific/Apia', '2011-12-29T10:00:00Z'],
])(
  'what leaves nothing out holds in every quarter of an hour of two days in %s, whatever its clocks do from %s',
  (zone, start) => {
    const schedule = [...hoursOf(zone, '02:30', '12:00'), ...hoursOf(zone, '12:00', '02:30')]
    expect(holdsAlways(schedule)).toBe(true)
    const held = Array.from({ length: 2 * QUARTERS }, (_, i) => holdsAt(schedule, at(start) + i * 900_000))
    expect(held).toEqual(Array(2 * QUARTERS).fill(true))
  },
)

const quarter = fc
  .integer({ min: 0, max: QUARTERS - 1 })
  .map((n) => `${String(Math.floor(n / 4)).padStart(2, '0')}:${String((n % 4) * 15).padStart(2, '0')}`)
const someDays = fc.oneof(fc.constant(DAYS), fc.subarray([...DAYS], { minLength: 1 }))
const someHours = fc
  .tuple(someDays, fc.option(quarter, { nil: undefined }), fc.option(quarter, { nil: undefined }))
  .map(([days, begin, end]) => hoursOf('UTC', begin, end, days))

test('exactly those hold always that hold in each quarter of an hour of a week', () => {
  let [always, all] = [0, 0]
  fc.assert(
    fc.property(fc.array(someHours, { minLength: 1, maxLength: 4 }), (parts) => {
      const schedule = parts.flat()
      const monday = at('2026-03-02T00:00:00Z')
      const holds = Array.from({ length: 7 * QUARTERS }, (_, i) => holdsAt(schedule, monday + i * 900_000)).every(Boolean)
      expect(holdsAlways(schedule)).toBe(holds)
      always += holds ? 1 : 0
      all += 1
    }),
    { seed: 3, numRuns: 60 },
  )
  expect([always > 5, all - always > 5]).toEqual([true, true])
})
