import { expect, test } from 'vitest'
import { CAST } from './cast.ts'
import { dayName, daysOf, demoClock, lastMonth, minuteName } from './month.ts'

const at = (text: string) => Temporal.Instant.from(text)

test('the month ends at or before now, wherever months end', () => {
  for (const [now, start, end] of [
    ['2026-11-24T10:13:00Z', '2026-10-24T00:00:00Z', '2026-11-24T00:00:00Z'],
    ['2026-03-31T00:00:00Z', '2026-02-28T00:00:00Z', '2026-03-28T00:00:00Z'],
    ['2028-03-30T23:59:59Z', '2028-02-29T00:00:00Z', '2028-03-29T00:00:00Z'],
    ['2026-01-01T00:00:00Z', '2025-12-01T00:00:00Z', '2026-01-01T00:00:00Z'],
  ] as const)
    expect(lastMonth(at(now))).toEqual({ start: at(start), end: at(end) })
})

test('its days end one by one, the last a second before the period does', () => {
  const days = daysOf(lastMonth(at('2026-03-31T00:00:00Z')))
  expect(days.map(String)).toHaveLength(28)
  expect([String(days[0]), String(days.at(-1))]).toEqual(['2026-03-01T00:00:00Z', '2026-03-27T23:59:59Z'])
})

test('the clock stands where it is set until it goes on', () => {
  const clock = demoClock(at('2026-01-01T00:00:00Z'))
  clock.set(at('2026-01-02T00:00:00Z'))
  expect(String(clock.now())).toBe('2026-01-02T00:00:00Z')
  clock.goOn()
  expect(clock.now().epochMilliseconds).toBeGreaterThan(Date.now() - 1_000)
})

test('days and minutes are named in UTC', () => {
  expect([dayName(at('2026-11-04T23:59:00Z')), minuteName(at('2026-11-04T09:05:00Z'))]).toEqual(['4 Nov 2026', ' 4 Nov 09:05'])
})

test('the cast makes some 28,000 calls, one tenant on each level and tier', () => {
  expect(CAST.reduce((sum, { calls }) => sum + calls, 0)).toBe(28_040)
  expect(CAST.reduce((sum, { traceShare }) => sum + traceShare, 0)).toBe(100)
  expect(CAST.map(({ plan, isolation }) => [plan, isolation])).toEqual([
    ['free', 'SHARED'],
    ['starter', 'SCHEMA'],
    ['pro', 'DATABASE'],
    ['business', 'CLUSTER'],
  ])
})
