import { expect, test } from 'vitest'
import { boundaries, sliceHours } from './hours.ts'

const at = (text: string) => Temporal.Instant.from(`2026-03-01T${text}Z`)
const told = (start: string, end: string) => {
  const { hours, edges } = sliceHours({ start: at(start), end: at(end) })
  return [hours ? `${hours.start} ${hours.end}` : undefined, ...edges.map((edge) => `${edge.start} ${edge.end}`)].map((text) =>
    text?.replaceAll('2026-03-01T', ''),
  )
}

test.each([
  ['10:00:00', '12:00:00', ['10:00:00Z 12:00:00Z']],
  ['10:20:00', '12:40:00', ['11:00:00Z 12:00:00Z', '10:20:00Z 11:00:00Z', '12:00:00Z 12:40:00Z']],
  ['10:20:00', '11:40:00', [undefined, '10:20:00Z 11:40:00Z']],
  ['10:20:00', '10:40:00', [undefined, '10:20:00Z 10:40:00Z']],
  ['10:00:00', '10:00:00', [undefined]],
])('the period from %s to %s is whole hours and its ends', (start, end, expected) => {
  expect(told(start, end)).toEqual(expected)
})

test('an hour that a cut divides is left to the events, in parts that tile it', () => {
  const { hours, divided, edges } = sliceHours({ start: at('10:15:00'), end: at('14:00:00') }, [
    at('10:30:00'),
    at('12:30:00'),
    at('13:00:00'),
  ])
  const parts = edges.map(({ start, end }) => `${start} ${end}`.replaceAll('2026-03-01T', ''))
  expect([String(hours?.start), String(hours?.end), divided.map(String)]).toEqual([
    '2026-03-01T11:00:00Z',
    '2026-03-01T14:00:00Z',
    ['2026-03-01T12:00:00Z'],
  ])
  expect(parts).toEqual(['10:15:00Z 10:30:00Z', '10:30:00Z 11:00:00Z', '12:00:00Z 12:30:00Z', '12:30:00Z 13:00:00Z'])
})

test('days begin at midnight of the zone, also where it is on the half hour or the day has 25', () => {
  const period = (start: string, end: string) => ({ start: Temporal.Instant.from(start), end: Temporal.Instant.from(end) })
  expect(boundaries(period('2026-03-01T00:00:00Z', '2026-03-02T18:30:00Z'), 'day', 'Asia/Kolkata').map(String)).toEqual([
    '2026-02-28T18:30:00Z',
    '2026-03-01T18:30:00Z',
  ])
  expect(boundaries(period('2026-10-24T12:00:00Z', '2026-10-27T00:00:00Z'), 'day', 'Europe/Berlin').map(String)).toEqual([
    '2026-10-23T22:00:00Z',
    '2026-10-24T22:00:00Z',
    '2026-10-25T23:00:00Z',
    '2026-10-26T23:00:00Z',
  ])
})
