import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isInstant } from './formats.ts'

test.each([
  '2026-01-31T09:00:00Z',
  '2026-01-31t09:00:00z',
  '2026-01-31T09:00:00.123456789Z',
  '2026-01-31T09:00:00+05:30',
  '2024-02-29T00:00:00Z',
  '2000-02-29T00:00:00Z',
  '2016-12-31T23:59:60Z',
  '9999-12-31T23:59:59Z',
])('%s is an instant', (text) => {
  expect(isInstant(text)).toBe(true)
})

test.each([
  '2026-01-31',
  '2026-01-31 09:00:00Z',
  '2026-01-31T09:00:00',
  '2026-01-31T09:00Z',
  '2026-01-31T24:00:00Z',
  '2026-01-31T09:60:00Z',
  '2026-13-01T09:00:00Z',
  '2026-02-29T09:00:00Z',
  '1900-02-29T09:00:00Z',
  '2026-04-31T09:00:00Z',
  '2026-01-31T09:00:00.1234567890Z',
  '2026-01-31T09:00:00+05',
  '2026-01-31T09:00:00+0530',
  '0000-01-01T00:00:00Z',
  '+002026-01-31T09:00:00Z',
  '9999-12-31T23:59:59-01:00',
  '2026-01-31T09:00:00Z\n',
  '',
])('%j is not', (text) => {
  expect(isInstant(text)).toBe(false)
})

test('whatever is accepted, Temporal reads, as a year of four digits', () => {
  const digits = fc.integer({ min: 0, max: 99 }).map((value) => String(value).padStart(2, '0'))
  const parts = fc.tuple(
    fc.integer({ min: 1000, max: 9999 }),
    digits,
    digits,
    digits,
    digits,
    digits,
    digits,
    fc.constantFrom('Z', '+', '-'),
  )
  fc.assert(
    fc.property(parts, ([year, month, day, hour, minute, second, offset, sign]) => {
      const text = `${year}-${month}-${day}T${hour}:${minute}:${second}${sign === 'Z' ? 'Z' : `${sign}${offset}:00`}`
      if (!isInstant(text)) return
      const instant = Temporal.Instant.from(text)
      expect(instant.toString()).toMatch(/^\d{4}-/)
    }),
    { numRuns: 5_000 },
  )
})
