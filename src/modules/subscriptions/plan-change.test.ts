import fc from 'fast-check'
import { expect, test } from 'vitest'
import { begin, instant, offerAt } from '../../../test/factories/subscription.ts'
import { decideAdvance } from './period-advance.ts'
import { type Change, type Direction, decideChange, followingPeriod, type When } from './plan-change.ts'
import { CYCLES, type Offer, type Subscription } from './subscription.ts'

const PRO = offerAt(9999n)
const now = instant('2026-03-16T12:00')
const onPro = begin({ at: '2026-03-01', offer: PRO })

const change = (to: Offer, direction: Direction, when: When, from: Subscription = onPro): Change =>
  decideChange(from, to, { direction, when, now })

test('an upgrade now keeps the period and bills the difference for its rest', () => {
  const done = change(offerAt(29999n), 'upgrade', 'now')
  expect(done).toMatchObject({
    kind: 'immediate',
    at: now,
    reason: 'upgraded',
    credit: 4999n,
    charge: 14999n,
    closedPeriod: undefined,
  })
  expect(done.subscription).toMatchObject({
    monthlyPrice: 29999n,
    period: onPro.period,
    anchorAt: onPro.anchorAt,
    charged: 19999n,
    pricedFrom: now,
  })
})

test('a downgrade at the end of the period changes nothing until then', () => {
  const done = change(offerAt(2999n), 'downgrade', 'period_end')
  expect(done).toMatchObject({ kind: 'scheduled', at: instant('2026-04-01') })
  expect(done.subscription).toEqual({ ...onPro, scheduled: offerAt(2999n) })
})

test('a change of the cycle restarts the period at the change, under the next number, and closes the old one for half its allowance', () => {
  const done = change(offerAt(9999n, 'annual'), 'upgrade', 'now')
  expect(done).toMatchObject({
    kind: 'immediate',
    credit: 4999n,
    charge: 119_988n,
    closedPeriod: { index: 0, start: instant('2026-03-01'), end: now, paid: { end: now }, whole: { end: instant('2026-04-01') } },
    subscription: { anchorAt: now, anchorIndex: 1, period: { index: 1, start: now, end: instant('2027-03-16T12:00') } },
  })
  const next = decideAdvance(done.subscription, instant('2027-03-16T12:00'))
  expect(next?.newPeriod).toMatchObject({
    index: 2,
    start: instant('2027-03-16T12:00'),
    end: instant('2028-03-16T12:00'),
    base: 119_988n,
  })
})

test('a change of the cycle in the first instant of a period closes none', () => {
  const done = decideChange(onPro, offerAt(9999n, 'annual'), { direction: 'upgrade', when: 'now', now: onPro.period.start })
  expect(done).toMatchObject({ credit: 9999n, charge: 119_988n, closedPeriod: undefined, subscription: { period: { index: 1 } } })
})

test('during a trial only the plan changes: no money moves and the trial ends when it would have', () => {
  const trial = begin({ at: '2026-03-10', offer: PRO, trialDays: 14 })
  const done = change(offerAt(29999n, 'annual'), 'upgrade', 'now', trial)
  expect(done.kind).toBe('swapped')
  expect(done.subscription).toMatchObject({
    status: 'trialing',
    monthlyPrice: 29999n,
    cycle: 'annual',
    period: trial.period,
    charged: 0n,
  })
  const first = decideAdvance(done.subscription, instant('2026-03-24'))
  expect(first?.newPeriod).toMatchObject({ index: 0, base: 359_988n, start: instant('2026-03-24'), end: instant('2027-03-24') })
})

test('a change now takes the place of what was scheduled', () => {
  const scheduled = change(offerAt(2999n), 'downgrade', 'period_end').subscription
  expect(change(offerAt(29999n), 'upgrade', 'now', scheduled).subscription.scheduled).toBeNull()
})

test('asking for the plan that it is on takes back what was scheduled, and only that', () => {
  const scheduled = change(offerAt(2999n), 'downgrade', 'period_end').subscription
  for (const direction of ['upgrade', 'downgrade'] as const)
    expect(change(PRO, direction, 'now', scheduled)).toEqual({ kind: 'scheduled', at: onPro.period.end, subscription: onPro })
  const replaced = change(offerAt(0n), 'downgrade', 'period_end', scheduled).subscription
  expect(replaced.scheduled).toEqual(offerAt(0n))
})

test.each<[string, Offer, Direction, When, Partial<Subscription>, RegExp]>([
  ['plan_unchanged', PRO, 'upgrade', 'now', {}, /already/],
  ['not_an_upgrade', offerAt(2999n), 'upgrade', 'now', {}, /POST \/subscriptions\/sub_1\/downgrade/],
  ['not_a_downgrade', offerAt(29999n), 'downgrade', 'period_end', {}, /POST \/subscriptions\/sub_1\/upgrade/],
  ['subscription_ending', offerAt(29999n), 'upgrade', 'period_end', { cancelAtPeriodEnd: true }, /change it now/],
])('%s is refused and says what to do', (code, to, direction, when, state, message) => {
  const refused = () => change(to, direction, when, { ...onPro, ...state })
  expect(refused).toThrow(expect.objectContaining({ kind: 'conflict', code, message: expect.stringMatching(message) }))
})

test('the same price goes either way: another cycle, another plan', () => {
  for (const direction of ['upgrade', 'downgrade'] as const) {
    expect(change(offerAt(9999n, 'quarterly'), direction, 'now').kind).toBe('immediate')
    expect(change(offerAt(9999n, 'monthly', 'plv_other'), direction, 'period_end').kind).toBe('scheduled')
  }
})

test('a clock that stands behind the last change counts as that instant: what was changed is changed back to the cent', () => {
  const changed = change(offerAt(29999n), 'upgrade', 'now').subscription
  const early = decideChange(changed, PRO, { when: 'now', now: now.subtract({ seconds: 5 }) })
  expect(early).toMatchObject({ at: now, credit: 14999n, charge: 4999n, subscription: { charged: 9999n } })
})

const anOffer = fc.record({ price: fc.bigInt({ min: 0n, max: 10n ** 11n }), cycle: fc.constantFrom(...CYCLES) })
const someChanges = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 * 86_400 }), anOffer), { maxLength: 30, size: 'max' })

test('a life of any changes: never more credited than charged, periods numbered on and tiling, phases in order', () => {
  fc.assert(
    fc.property(anOffer, someChanges, (first, changes) => {
      let subscription = begin({ at: '2026-01-31T09:30', offer: offerAt(first.price, first.cycle), timeZone: 'Europe/Berlin' })
      let balance = subscription.charged
      let index = 0
      for (const [second, { price, cycle }] of changes.toSorted(([a], [b]) => a - b)) {
        const at = instant('2026-01-31T09:30').add({ seconds: second })
        for (let step = decideAdvance(subscription, at); step?.newPeriod; step = decideAdvance(subscription, at)) {
          expect(step.newPeriod).toMatchObject({ index: index + 1, start: subscription.period.end })
          expect(followingPeriod(subscription)).toMatchObject({
            index: index + 1,
            start: step.newPeriod.start,
            end: step.newPeriod.end,
          })
          balance += step.newPeriod.base
          index += 1
          subscription = step.subscription
        }
        const to = offerAt(price, cycle, `plv_${second}`)
        const done = decideChange(subscription, to, { when: 'now', now: at })
        if (done.kind !== 'immediate') throw new Error('a change now is immediate')
        expect(done.credit >= 0n && done.charge >= 0n).toBe(true)
        expect(done.credit <= subscription.charged).toBe(true)
        balance += done.charge - done.credit
        index = done.subscription.period.index
        expect(Temporal.Instant.compare(at, done.subscription.period.start) >= 0).toBe(true)
        expect(Temporal.Instant.compare(at, done.subscription.period.end) < 0).toBe(true)
        subscription = done.subscription
      }
      expect(balance >= 0n).toBe(true)
    }),
    { numRuns: 200 },
  )
})
