import { expect, test } from 'vitest'
import { begin, instant, offerAt } from '../../../test/factories/subscription.ts'
import { decideCancellation } from './cancellation.ts'
import { type Advance, advancedTo, decideAdvance } from './period-advance.ts'
import { decideChange } from './plan-change.ts'
import type { Subscription } from './subscription.ts'

const PRO = offerAt(9999n)

const steps = (subscription: Subscription, now: string): Advance[] => {
  const taken: Advance[] = []
  let current = subscription
  for (let step = decideAdvance(current, instant(now)); step; step = decideAdvance(current, instant(now))) {
    taken.push(step)
    current = step.subscription
  }
  return taken
}
const days = (taken: readonly Advance[]): string =>
  taken.map((step) => step.newPeriod?.start.toString().slice(0, 10) ?? 'ended').join(' ')

test('nothing is due before the last instant of the period is over', () => {
  const subscription = begin({ at: '2026-01-31', offer: PRO })
  expect(decideAdvance(subscription, instant('2026-02-27T23:59:59.999999'))).toBeUndefined()
  expect(decideAdvance(subscription, instant('2026-02-28'))?.at).toEqual(instant('2026-02-28'))
})

// billing.json anchor_*: the days on which periods begin, counted from the anchor, never from the period before
test.each([
  // getlago/lago-api spec/scenarios/subscriptions/billing_spec.rb; docs.stripe.com/billing/subscriptions/billing-cycle
  ['anchor_month_end-06', '2022-12-31', 'monthly', '2023-04-30', '2023-01-31 2023-02-28 2023-03-31 2023-04-30'],
  ['anchor_month_end-24', '2026-01-31', 'monthly', '2026-04-30', '2026-02-28 2026-03-31 2026-04-30'],
  // openmeterio/openmeter pkg/timeutil/recurrence_test.go
  ['anchor_month_end-09', '2025-01-30', 'monthly', '2025-03-30', '2025-02-28 2025-03-30'],
  // useautumn/autumn get-cycle-end-eom-clamp.test.ts
  ['anchor_month_end-16', '2026-01-31', 'quarterly', '2026-07-31', '2026-04-30 2026-07-31'],
  // getlago/lago-api yearly_service_spec.rb; flexprice internal/types/date_test.go
  ['anchor_leap-01, anchor_leap-04', '2020-02-29', 'annual', '2024-02-29', '2021-02-28 2022-02-28 2023-02-28 2024-02-29'],
] as const)('%s: from %s %s, by %s the periods that began are %s', (_, at, cycle, now, expected) => {
  expect(days(steps(begin({ at, offer: offerAt(9999n, cycle) }), now))).toBe(expected)
})

test('three missed months are three steps, each as if it had been taken in time', () => {
  const subscription = begin({ at: '2026-01-31', offer: PRO })
  const late = steps(subscription, '2026-05-15')
  const inTime: Advance[] = []
  for (const day of ['2026-02-28', '2026-03-31', '2026-04-30']) {
    const step = decideAdvance(inTime.at(-1)?.subscription ?? subscription, instant(day))
    if (step) inTime.push(step)
  }
  expect(late).toEqual(inTime)
  expect(late.map(({ newPeriod }) => newPeriod?.index)).toEqual([1, 2, 3])
  expect(late.map(({ closedPeriod }) => closedPeriod?.index)).toEqual([0, 1, 2])
})

test('a trial ends on its day: the anchor moves there, period 0 is paid in full and the trial is not billed', () => {
  // billing.json trial-01: getlago/lago-api free_trial_billing_spec.rb, from 5 March 12:12 for 10 days until 15 March 12:12. Lago then bills the rest
  // of the calendar month, its day counted whole (2741935); here the first period begins at the trial's end and is as long as any other.
  const trial = begin({ at: '2024-03-05T12:12', offer: offerAt(5_000_000n), trialDays: 10 })
  expect(trial).toMatchObject({
    status: 'trialing',
    charged: 0n,
    period: { index: -1 },
    trialEndsAt: instant('2024-03-15T12:12'),
  })
  const step = decideAdvance(trial, instant('2024-03-20'))
  expect(step).toMatchObject({
    newPhase: 'trial_ended',
    closedPeriod: undefined,
    newPeriod: { index: 0, start: instant('2024-03-15T12:12'), end: instant('2024-04-15T12:12'), base: 5_000_000n },
    subscription: { status: 'active', anchorAt: instant('2024-03-15T12:12'), anchorIndex: 0, charged: 5_000_000n },
  })
})

test('an upgrade in a trial neither ends it nor makes it longer: the first period is paid at the new price, in full', () => {
  // billing.json trial-02: getlago/lago-api free_trial_billing_spec.rb, upgraded to a plan of 13 trial days, counted from the first start. Here the trial
  // was given with the subscription: whoever goes from plan to plan does not lengthen it. The price is the new one in both.
  const trial = begin({ at: '2024-03-05T12:12', offer: offerAt(5_000_000n), trialDays: 10 })
  const upgraded = decideChange(trial, offerAt(10_000_000n), { when: 'now', now: instant('2024-03-10') })
  expect(upgraded.subscription.trialEndsAt).toEqual(instant('2024-03-15T12:12'))
  expect(decideAdvance(upgraded.subscription, instant('2024-03-20'))?.newPeriod).toMatchObject({
    index: 0,
    start: instant('2024-03-15T12:12'),
    base: 10_000_000n,
  })
})

test('a trial of days ends at the same local time across a change of DST', () => {
  const trial = begin({ at: '2026-03-25T08:00', offer: PRO, trialDays: 7, timeZone: 'Europe/Berlin' })
  expect(trial.trialEndsAt).toEqual(instant('2026-04-01T07:00')) // 09:00 both times
})

test('what was scheduled comes into force at the boundary, once; another cycle counts from there', () => {
  const subscription = { ...begin({ at: '2026-01-31', offer: PRO }), scheduled: offerAt(2999n, 'annual') }
  const [first, second] = steps(subscription, '2027-03-01')
  expect(first).toMatchObject({
    newPhase: 'downgraded',
    newPeriod: { index: 1, base: 35988n, start: instant('2026-02-28'), end: instant('2027-02-28') },
    closedPeriod: { index: 0, whole: { end: instant('2026-02-28') } },
    subscription: { scheduled: null, anchorAt: instant('2026-02-28'), anchorIndex: 1, usedWeight: 0n },
  })
  expect(second).toMatchObject({ newPhase: undefined, newPeriod: { index: 2, base: 35988n } })
})

test('a scheduled plan of the same cycle keeps the anchor: 31 January, 28 February, 31 March', () => {
  const subscription = { ...begin({ at: '2026-01-31', offer: PRO }), scheduled: offerAt(29999n) }
  expect(days(steps(subscription, '2026-03-31'))).toBe('2026-02-28 2026-03-31')
})

test('a cancellation at the end of the period ends there, however late it is noticed, and bills no new one', () => {
  const order = { when: 'period_end', prorate: false, reason: null, now: instant('2026-02-10') } as const
  const { subscription } = decideCancellation(begin({ at: '2026-01-31', offer: PRO }), order)
  const [only, ...more] = steps(subscription, '2026-06-01')
  expect(more).toEqual([])
  expect(only).toMatchObject({
    at: instant('2026-02-28'),
    newPeriod: undefined,
    closedPeriod: { index: 0 },
    subscription: { status: 'canceled', endedAt: instant('2026-02-28'), canceledAt: instant('2026-02-10') },
  })
  expect(decideAdvance(only?.subscription ?? subscription, instant('2027-01-01'))).toBeUndefined()
})

test('whoever only reads sees the subscription as it is now, without a step being written', () => {
  const subscription = begin({ at: '2026-01-31', offer: PRO })
  expect(advancedTo(subscription, instant('2026-05-15')).period).toMatchObject({ index: 3, start: instant('2026-04-30') })
  expect(advancedTo(subscription, instant('2026-02-01'))).toBe(subscription)
})
