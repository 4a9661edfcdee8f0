import fc from 'fast-check'
import { expect, test } from 'vitest'
import { instant, versionWith } from '../../../test/factories/subscription.ts'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { METERS, type Meter, perMeter } from '../catalog/index.ts'
import { overageOf, partsOf, passThroughOf, type Use } from './rating.ts'
import { type Span, slicesOf } from './slices.ts'

const APRIL = { start: instant('2026-04-01'), end: instant('2026-05-01') }
const YEAR = { start: instant('2026-01-31'), end: instant('2027-01-31') }
const VERSIONS = new Map([
  ['free', versionWith('free', '10')],
  ['starter', versionWith('starter', '100', '0.50')],
  ['cheap', versionWith('cheap', '10000', '0.01')],
])
const phase = (planVersionId: string, startsAt: string, endsAt: string | null = null): Span => ({
  planVersionId,
  cycle: 'monthly',
  startsAt: instant(startsAt),
  endsAt: endsAt === null ? null : instant(endsAt),
})
const slices = (phases: Span[], ran = APRIL, whole = APRIL, months = 1) =>
  slicesOf(phases, VERSIONS, ran, { whole, months, timeZone: 'UTC' })
const use = (meter: Meter, value: string, llmCost = '0'): Use => ({
  used: { ...perMeter(() => 0n), [meter]: parseDecimal(value) },
  llmCost: parseDecimal(llmCost),
})
const perHundred = perMeter(() => parseDecimal('100'))
const days = (at: Temporal.Instant) => at.toString().slice(0, 10)

test('a period is sliced where the plan changes, a year also where its months begin', () => {
  const two = slices([phase('starter', '2026-03-01', '2026-04-11'), phase('free', '2026-04-11')])
  expect(two.map(({ start, end, version }) => [days(start), days(end), version.id])).toEqual([
    ['2026-04-01', '2026-04-11', 'starter'],
    ['2026-04-11', '2026-05-01', 'free'],
  ])
  const year = slices([phase('starter', '2026-01-31')], { ...YEAR, end: instant('2026-03-10') }, YEAR, 12)
  expect(year.map(({ start, end, month }) => [days(start), days(end), days(month.end)])).toEqual([
    ['2026-01-31', '2026-02-28', '2026-02-28'],
    ['2026-02-28', '2026-03-10', '2026-03-31'],
  ])
})

test('a change to a plan without overage in the last second leaves what was used before at its price', () => {
  const [before, after] = slices([phase('starter', '2026-04-01', '2026-04-30T23:59:59'), phase('free', '2026-04-30T23:59:59')])
  if (!before || !after) throw new Error('two slices')
  const all = use('compute_hours', '300', '40')
  const uses = [
    { slice: { ...before, version: { ...before.version, llmPassThrough: true, llmMarkupPercent: '20' } }, ...all },
    { slice: after, ...use('compute_hours', '0') },
  ]
  const parts = partsOf(uses, all, perHundred)
  expect(parts.map((part) => [part.version.id, formatDecimal(part.beyond.compute_hours)])).toEqual([
    ['starter', '200'],
    ['free', '0'],
  ])
  expect(parts.map((part) => [overageOf(part, 'compute_hours'), passThroughOf(part)])).toEqual([
    [10_000n, 4_800n],
    [0n, 0n],
  ])
})

test('the allowance is used up in order of time, whichever plan gave it', () => {
  const [first, second] = slices([phase('starter', '2026-04-01', '2026-04-16'), phase('cheap', '2026-04-16')])
  if (!first || !second) throw new Error('two slices')
  const beyond = (early: string, late: string) => {
    const total = formatDecimal(parseDecimal(early) + parseDecimal(late))
    const uses = [
      { slice: first, ...use('api_calls', early) },
      { slice: second, ...use('api_calls', late) },
    ]
    return partsOf(uses, use('api_calls', total), perHundred).map((part) => formatDecimal(part.beyond.api_calls))
  }
  expect([beyond('90', '5'), beyond('90', '20'), beyond('130', '20')]).toEqual([
    ['0', '0'],
    ['0', '10'],
    ['30', '20'],
  ])
})

test.each([
  ['a month', '103', APRIL, APRIL, 1, '3', '100', 150n],
  ['half a month, when the period was cut', '103', { ...APRIL, end: instant('2026-04-16') }, APRIL, 1, '1.5', '50', 75n],
  ['a year', '103', YEAR, YEAR, 12, '36', '1200', 1_800n],
] as const)(
  'users are set against what each month includes: over %s %s of 100',
  (_, level, ran, whole, months, beyond, included, cost) => {
    const uses = slices([phase('starter', '2026-01-01')], ran, whole, months).map((slice) => ({ slice, ...use('users', level) }))
    const [part, ...more] = partsOf(uses, use('users', level), perHundred)
    if (!part) throw new Error('one part')
    expect(more).toEqual([])
    expect([formatDecimal(part.beyond.users), formatDecimal(part.included.users)]).toEqual([beyond, included])
    expect([overageOf(part, 'users'), part.countsMonths]).toEqual([cost, ran !== whole || months > 1])
  },
)

test('whoever changes to a plan for more users pays for none of those that it includes', () => {
  const [few, many] = slices([phase('free', '2026-04-01', '2026-04-16'), phase('starter', '2026-04-16')])
  if (!few || !many) throw new Error('two slices')
  const uses = [
    { slice: few, ...use('users', '10') },
    { slice: many, ...use('users', '100') },
  ]
  const parts = partsOf(uses, use('users', '100'), perHundred)
  expect(parts.map(({ beyond }) => beyond.users)).toEqual([0n, 0n])
})

test('however a period is split among plans, what lies beyond and what LLM calls cost sum to the whole', () => {
  const cut = fc.record({
    second: fc.integer({ min: 1, max: 30 * 86_400 - 1 }),
    plan: fc.constantFrom('free', 'starter', 'cheap'),
    calls: fc.bigInt({ min: 0n, max: 10n ** 16n }),
    cost: fc.bigInt({ min: 0n, max: 10n ** 16n }),
  })
  fc.assert(
    fc.property(fc.uniqueArray(cut, { selector: ({ second }) => second, minLength: 1, maxLength: 12 }), (cuts) => {
      const sorted = cuts.toSorted((a, b) => a.second - b.second)
      const phases = sorted.map(({ plan, second }, index) => ({
        ...phase(plan, '2026-04-01'),
        startsAt: index === 0 ? APRIL.start : APRIL.start.add({ seconds: second }),
        endsAt: index === sorted.length - 1 ? null : APRIL.start.add({ seconds: sorted[index + 1]?.second ?? 0 }),
      }))
      const uses = slices(phases).map((slice, index) => ({
        slice,
        used: { ...perMeter(() => 0n), api_calls: sorted[index]?.calls ?? 0n },
        llmCost: sorted[index]?.cost ?? 0n,
      }))
      const total = (of: (each: (typeof uses)[number]) => bigint) => uses.reduce((sum, each) => sum + of(each), 0n)
      const whole = {
        used: { ...perMeter(() => 0n), api_calls: total(({ used }) => used.api_calls) },
        llmCost: total(({ llmCost }) => llmCost),
      }
      const parts = partsOf(uses, whole, perHundred)
      const beyond = parts.reduce((sum, part) => sum + part.beyond.api_calls, 0n)
      const over = whole.used.api_calls - perHundred.api_calls
      expect(beyond).toBe(over > 0n ? over : 0n)
      expect(parts.reduce((sum, { llmCost }) => sum + llmCost, 0n)).toBe(whole.llmCost)
      expect(parts.every((part) => METERS.every((meter) => part.beyond[meter] >= 0n))).toBe(true)
    }),
  )
})
