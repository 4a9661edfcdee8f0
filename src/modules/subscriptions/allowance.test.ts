import fc from 'fast-check'
import { expect, test } from 'vitest'
import { instant, versionWith } from '../../../test/factories/subscription.ts'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { allowanceOf } from './allowance.ts'

const VERSIONS = new Map([
  ['starter', versionWith('starter', '100', '0.50')],
  ['pro', versionWith('pro', '500', '0.40')],
])
const APRIL = { start: instant('2026-04-01'), end: instant('2026-05-01') }
const phase = (
  planVersionId: string,
  startsAt: string,
  endsAt: string | null = null,
  cycle: 'monthly' | 'annual' = 'monthly',
) => ({
  planVersionId,
  cycle,
  startsAt: instant(startsAt),
  endsAt: endsAt === null ? null : instant(endsAt),
})
const hours = (phases: ReturnType<typeof phase>[], paid = APRIL, whole = paid): string =>
  formatDecimal(allowanceOf(phases, VERSIONS, paid, whole).compute_hours)

test('one plan all the period includes what it says, a year twelve times that', () => {
  expect(hours([phase('starter', '2026-01-01')])).toBe('100')
  const year = { start: instant('2026-01-01'), end: instant('2027-01-01') }
  expect(hours([phase('starter', '2026-01-01', null, 'annual')], year)).toBe('1200')
})

test('two plans count by the time they ran: 10 days of 100 and 20 of 500', () => {
  const phases = [phase('starter', '2026-03-15', '2026-04-11'), phase('pro', '2026-04-11')]
  expect(hours(phases)).toBe('366.666666666667')
})

test('GB and users are what the plan in force includes: neither a year nor a part of a month changes that', () => {
  const year = { start: instant('2026-01-01'), end: instant('2027-01-01') }
  const half = { start: APRIL.start, end: instant('2026-04-16') }
  const users = [
    allowanceOf([phase('starter', '2026-01-01', null, 'annual')], VERSIONS, year),
    allowanceOf([phase('starter', '2026-04-01')], VERSIONS, half, APRIL),
    allowanceOf([phase('starter', '2026-03-15', '2026-04-11'), phase('pro', '2026-04-11')], VERSIONS, APRIL),
  ]
  expect(users.map((allowance) => formatDecimal(allowance.users))).toEqual(['100', '100', '500'])
})

test('a change at the boundary belongs to the next period', () => {
  const phases = [phase('pro', '2026-03-01', '2026-05-01'), phase('starter', '2026-05-01')]
  expect(hours(phases.slice(0, 1))).toBe('500')
})

test('a phase that lasted no time counts for nothing', () => {
  const phases = [phase('starter', '2026-04-01', '2026-04-01'), phase('pro', '2026-04-01')]
  expect(hours(phases)).toBe('500')
})

test('half a month paid gives half; a month paid and left early stays whole', () => {
  const phases = [phase('starter', '2026-04-01', '2026-04-16')]
  const half = { start: APRIL.start, end: instant('2026-04-16') }
  expect(hours(phases, half, APRIL)).toBe('50')
  expect(hours(phases, APRIL, APRIL)).toBe('100')
})

test('however often a period is split among phases of one plan, it includes the whole to the last digit', () => {
  const cuts = fc.array(fc.integer({ min: 0, max: 30 * 86_400 }), { maxLength: 20, size: 'max' })
  const amount = fc.bigInt({ min: 0n, max: 10n ** 24n })
  fc.assert(
    fc.property(cuts, amount, (seconds, included) => {
      const edges = [0, ...seconds.toSorted((a, b) => a - b), 30 * 86_400].map((second) => APRIL.start.add({ seconds: second }))
      const phases = edges.slice(1).map((endsAt, index) => ({
        planVersionId: 'any',
        cycle: 'monthly' as const,
        startsAt: edges[index] ?? APRIL.start,
        endsAt,
      }))
      const versions = new Map([['any', versionWith('any', formatDecimal(included))]])
      expect(allowanceOf(phases, versions, APRIL).api_calls).toBe(included)
    }),
  )
})

test('the parts before and after a cut sum to the whole, within the last digit', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 * 86_400 - 1 }), (second) => {
      const cut = APRIL.start.add({ seconds: second })
      const phases = [phase('pro', '2026-04-01')]
      const before = allowanceOf(phases, VERSIONS, { start: APRIL.start, end: cut }, APRIL).api_calls
      const after = allowanceOf(phases, VERSIONS, { start: cut, end: APRIL.end }, APRIL).api_calls
      const off = before + after - parseDecimal('500')
      expect(off >= -1n && off <= 1n).toBe(true)
    }),
  )
})
