import { expect, test } from 'vitest'
import { begin, instant, offerAt } from '../../../test/factories/subscription.ts'
import { decideCancellation } from './cancellation.ts'
import { canMove, STATUSES } from './subscription.ts'

const april = begin({ at: '2026-04-01', offer: offerAt(9999n) })
const now = instant('2026-04-16')
const end = instant('2026-05-01')

test('at the end of the period it is a flag until then, and what was scheduled is dropped', () => {
  const done = decideCancellation(
    { ...april, scheduled: offerAt(1n) },
    { when: 'period_end', prorate: true, reason: 'cost', now },
  )
  expect(done).toMatchObject({ at: end, credit: 0n, closedPeriod: undefined })
  expect(done.subscription).toEqual({ ...april, cancelAtPeriodEnd: true, canceledAt: now, cancelReason: 'cost' })
})

test('now, nothing is given back and the whole allowance stays', () => {
  const done = decideCancellation(april, { when: 'now', prorate: false, reason: null, now })
  expect(done).toMatchObject({ at: now, credit: 0n, subscription: { status: 'canceled', endedAt: now } })
  expect(done.closedPeriod).toEqual({
    index: 0,
    start: april.period.start,
    end: now,
    paid: { start: april.period.start, end },
    whole: { start: april.period.start, end },
  })
})

test('prorated, half a month is given back and half the allowance goes with it', () => {
  const done = decideCancellation(april, { when: 'now', prorate: true, reason: null, now })
  expect(done.credit).toBe(4999n)
  expect(done.closedPeriod).toMatchObject({ end: now, paid: { end: now }, whole: { end } })
})

test('a trial ends with nothing to bill or give back', () => {
  const trial = begin({ at: '2026-04-10', offer: offerAt(9999n), trialDays: 14 })
  expect(decideCancellation(trial, { when: 'now', prorate: true, reason: null, now })).toMatchObject({
    credit: 0n,
    closedPeriod: undefined,
  })
})

test('the first request is the one that is noted', () => {
  const flagged = decideCancellation(april, { when: 'period_end', prorate: false, reason: 'cost', now }).subscription
  const again = decideCancellation(flagged, {
    when: 'period_end',
    prorate: false,
    reason: null,
    now: instant('2026-04-20'),
  }).subscription
  expect(again).toEqual(flagged)
})

test('what is over cannot be canceled', () => {
  const over = decideCancellation(april, { when: 'now', prorate: false, reason: null, now }).subscription
  expect(() => decideCancellation(over, { when: 'now', prorate: false, reason: null, now })).toThrow(
    expect.objectContaining({ code: 'subscription_ended' }),
  )
})

test('a subscription goes from its trial to active, from both to canceled, and never back', () => {
  const moves = STATUSES.flatMap((from) => STATUSES.filter((to) => canMove(from, to)).map((to) => `${from} → ${to}`))
  expect(moves).toEqual(['trialing → active', 'trialing → canceled', 'active → canceled'])
})
