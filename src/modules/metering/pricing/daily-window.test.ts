import { expect, test } from 'vitest'
import { dailyWindow, inWindow } from './daily-window.ts'

const inside = (start: string, end: string, time: string): boolean =>
  inWindow(dailyWindow(start, end), Temporal.Instant.from(time).epochMilliseconds)

test.each([
  ['00:30:00Z', '16:30:00Z', '2025-04-01T00:30:00Z', true],
  ['00:30:00Z', '16:30:00Z', '2025-04-01T16:30:00Z', false],
  ['22:00:00Z', '02:00:00Z', '2025-04-01T23:00:00Z', true],
  ['22:00:00Z', '02:00:00Z', '2025-04-01T01:59:59.999Z', true],
  ['22:00:00Z', '02:00:00Z', '2025-04-01T02:00:00Z', false],
  ['00:30:00+08:00', '02:00:00+08:00', '2025-04-01T16:30:00Z', true],
  ['22:00:00Z', '02:00:00Z', '1969-12-31T23:00:00Z', true],
])('of a window from %s to %s, %s is inside: %s', (start, end, time, expected) => {
  expect(inside(start, end, time)).toBe(expected)
})
