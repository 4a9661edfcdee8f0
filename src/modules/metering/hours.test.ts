import { expect, test } from 'vitest'
import { sliceHours } from './hours.ts'

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
