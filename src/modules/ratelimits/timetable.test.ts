import { expect, test } from 'vitest'
import { type Day, holdsAt, type Schedule, type Span, spanFault } from './timetable.ts'

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

const [now] = [Temporal.Instant.from('2026-01-01T00:00:00Z')]
test.each<readonly [Span, string | undefined]>([
  [{}, 'says no time; leave it out'],
  [{ startsAt: now, endsAt: now }, 'ends before it begins'],
  [{ hours: { timeZone: 'UTC' } }, 'holds at every hour; say days, from or to, or leave out time_zone'],
  [
    { hours: { timeZone: 'UTC', from: '09:00', to: '09:00' } },
    'is from 09:00 to 09:00, which is no time; leave out both for whole days',
  ],
  [{ endsAt: now }, undefined],
  [{ hours: { timeZone: 'UTC', to: '00:00' } }, undefined],
])('%j: %s', (given, fault) => {
  expect(spanFault(given)).toBe(fault)
})
