import { expect, test } from 'vitest'
import { type CalendarUnit, calendarWindows } from './calendar.ts'
import { windowNumbers } from './calendar-numbers.ts'

const QUARTER_MS = 900_000
const ms = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds
const ZONES = Intl.supportedValuesOf('timeZone')

const changesOf = (timeZone: string): readonly Temporal.ZonedDateTime[] => {
  const found: Temporal.ZonedDateTime[] = []
  let one = Temporal.Instant.from('2026-01-01T00:00:00Z').toZonedDateTimeISO(timeZone).getTimeZoneTransition('next')
  for (; one && one.year < 2028; one = one.getTimeZoneTransition('next')) found.push(one)
  return found
}

/** The ends of a clock's hours around a change of it, which ends one too: clocks differ by quarters of an hour at most. */
const hoursAround = (change: Temporal.ZonedDateTime): readonly number[] => {
  const quarters = Array.from({ length: 33 }, (_, i) => change.epochMilliseconds + (i - 16) * QUARTER_MS)
  return quarters.filter((at) => {
    const shown = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(change.timeZoneId)
    return shown.minute === 0 || at === change.epochMilliseconds
  })
}

test('hours are counted one by one through every change of a clock in 2026 and 2027, in every zone', () => {
  const wrong: string[] = []
  let changes = 0
  for (const timeZone of ZONES)
    for (const change of changesOf(timeZone)) {
      changes += 1
      const numbers = hoursAround(change).map((end) => windowNumbers(timeZone, 'hour')(end * 1_000))
      if (!numbers.every((number, i) => number === (numbers[0] ?? 0) + i)) wrong.push(`${change}: ${numbers}`)
    }
  expect(wrong).toEqual([])
  expect(changes).toBeGreaterThan(100)
})

test.each<readonly [CalendarUnit, string]>(
  (['minute', 'hour', 'day', 'week', 'month'] as const).flatMap((unit) =>
    ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns'].map((timeZone) => [unit, timeZone] as const),
  ),
)('windows by %s of %s are counted one by one, from whichever on', (unit, timeZone) => {
  const endOf = calendarWindows(timeZone, unit)
  const ends = [endOf(ms('2026-03-08T00:00:00Z') * 1_000)]
  for (let i = 0; i < 800; i += 1) ends.push(endOf(ends[i] as number))
  const numberOf = windowNumbers(timeZone, unit)
  const numbers = ends.map(numberOf)
  expect(numbers).toEqual(ends.map((_, i) => (numbers[0] as number) + i))
  expect(numberOf(ends[0] as number)).toBe(numbers[0])
})

test('two years have as many hours as their instants are apart, whatever the clock showed', () => {
  for (const timeZone of ['UTC', 'Europe/Berlin', 'America/New_York']) {
    const numberOf = windowNumbers(timeZone, 'hour')
    const [from, to] = [ms('2026-01-01T12:00:00Z'), ms('2028-01-01T12:00:00Z')]
    expect(numberOf(to * 1_000) - numberOf(from * 1_000)).toBe((to - from) / 3_600_000)
  }
})
