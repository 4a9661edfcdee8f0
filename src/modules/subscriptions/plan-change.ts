import { type IndexedPeriod, type Period, periodByIndex } from '../../lib/period.ts'
import { conflict } from '../../platform/errors.ts'
import { changePrice, periodPrice, restartPeriod } from './proration.ts'
import { type ClosedPeriod, isBefore, later, type Offer, type PhaseReason, type Subscription } from './subscription.ts'

export type Direction = 'upgrade' | 'downgrade'
export const WHENS = ['now', 'period_end'] as const
export type When = (typeof WHENS)[number]

export type Change =
  /** Waits in the subscription's schedule, or takes back what waited there; nothing is billed now. */
  | { readonly kind: 'scheduled'; readonly at: Temporal.Instant; readonly subscription: Subscription }
  /** The trial goes on, on another plan; no money moves. */
  | { readonly kind: 'swapped'; readonly at: Temporal.Instant; readonly subscription: Subscription; readonly reason: PhaseReason }
  | Immediate

export interface Immediate {
  readonly kind: 'immediate'
  readonly at: Temporal.Instant
  readonly reason: PhaseReason
  /** As it is after the change. */
  readonly subscription: Subscription
  /** Minor units, 0 or more: the unused part of the old price over `oldRest`, and the new price over `newRest`. */
  readonly credit: bigint
  readonly charge: bigint
  readonly oldRest: Period
  readonly newRest: Period
  /** Where the cycle changes: the period that is cut at the change; its use so far is billed with the change. */
  readonly closedPeriod: ClosedPeriod | undefined
}

export const DEFAULT_WHEN = { upgrade: 'now', downgrade: 'period_end' } as const satisfies Record<Direction, When>

/** Which way a change goes: by price a month. The same price goes either way. */
export const directionOf = (from: Offer, to: Offer): Direction | 'level' => {
  if (from.monthlyPrice === to.monthlyPrice) return 'level'
  return from.monthlyPrice < to.monthlyPrice ? 'upgrade' : 'downgrade'
}

const sameOffer = (a: Offer, b: Offer): boolean =>
  a.planVersionId === b.planVersionId && a.cycle === b.cycle && a.monthlyPrice === b.monthlyPrice

const withOffer = (subscription: Subscription, { planVersionId, cycle, monthlyPrice, priceOverridden }: Offer): Subscription => ({
  ...subscription,
  planVersionId,
  cycle,
  monthlyPrice,
  priceOverridden,
})

export const runningPeriod = (subscription: Subscription) => ({
  period: subscription.period,
  price: periodPrice(subscription),
  pricedFrom: subscription.pricedFrom,
  charged: subscription.charged,
  usedWeight: subscription.usedWeight,
})

/** Throws 409 `plan_unchanged`, or, when a direction is asked for, `not_an_upgrade` and `not_a_downgrade`. */
const checkTarget = (subscription: Subscription, to: Offer, asked: Direction | undefined): void => {
  if (sameOffer(subscription, to))
    throw conflict('plan_unchanged', `subscription ${subscription.id} is on this plan, cycle and price already; choose another`)
  const direction = directionOf(subscription, to)
  if (asked === 'upgrade' && direction === 'downgrade')
    throw conflict(
      'not_an_upgrade',
      `this plan costs less a month; POST /subscriptions/${subscription.id}/downgrade changes to it`,
    )
  if (asked === 'downgrade' && direction === 'upgrade')
    throw conflict(
      'not_a_downgrade',
      `this plan costs more a month; POST /subscriptions/${subscription.id}/upgrade changes to it`,
    )
}

/**
 * What a change does: decided here for preview and deed alike. `subscription` is live and its period has not ended; `at` before its
 * last change (clocks differ) counts as that instant. Throws AppError 409.
 */
export const decideChange = (
  subscription: Subscription,
  to: Offer,
  { direction, when, now }: { readonly direction?: Direction; readonly when: When; readonly now: Temporal.Instant },
): Change => {
  // Whoever asks for what they have, while something else waits, wants to keep it.
  if (subscription.scheduled && sameOffer(subscription, to))
    return { kind: 'scheduled', at: subscription.period.end, subscription: { ...subscription, scheduled: null } }
  checkTarget(subscription, to, direction)
  const reason = directionOf(subscription, to) === 'downgrade' || direction === 'downgrade' ? 'downgraded' : 'upgraded'
  const at = later(now, subscription.pricedFrom)
  if (when === 'period_end') {
    if (subscription.cancelAtPeriodEnd)
      throw conflict(
        'subscription_ending',
        `subscription ${subscription.id} ends at ${subscription.period.end}; change it now instead`,
      )
    return { kind: 'scheduled', at: subscription.period.end, subscription: { ...subscription, scheduled: to } }
  }
  const changed = { ...withOffer(subscription, to), pricedFrom: at, scheduled: null }
  if (subscription.status === 'trialing') return { kind: 'swapped', at, reason, subscription: changed }
  return to.cycle === subscription.cycle
    ? changeWithin(subscription, changed, at, reason)
    : changeCycle(subscription, changed, at, reason)
}

const changeWithin = (old: Subscription, changed: Subscription, at: Temporal.Instant, reason: PhaseReason): Immediate => {
  const { credit, charge, charged, usedWeight } = changePrice(runningPeriod(old), periodPrice(changed), at)
  const rest = { start: at, end: old.period.end }
  const subscription = { ...changed, charged, usedWeight }
  return { kind: 'immediate', at, reason, subscription, credit, charge, oldRest: rest, newRest: rest, closedPeriod: undefined }
}

const changeCycle = (old: Subscription, changed: Subscription, at: Temporal.Instant, reason: PhaseReason): Immediate => {
  const index = old.period.index + 1
  const moved = { ...changed, anchorAt: at, anchorIndex: index }
  const period = periodOf(moved, index)
  const { credit, charge, charged, usedWeight } = restartPeriod(runningPeriod(old), periodPrice(changed), period)
  const { start, end } = old.period
  return {
    kind: 'immediate',
    at,
    reason,
    subscription: { ...moved, period, charged, usedWeight },
    credit,
    charge,
    oldRest: { start: at, end },
    newRest: { start: at, end: period.end },
    closedPeriod: cutPeriod(old, at, { start, end: at }),
  }
}

/** The running period as it stands closed at `at`, of which `paid` was paid; undefined: it has only just begun. */
export const cutPeriod = ({ status, period }: Subscription, at: Temporal.Instant, paid: Period): ClosedPeriod | undefined => {
  const { index, start, end } = period
  if (status === 'trialing' || !isBefore(start, at)) return undefined
  return { index, start, end: at, paid, whole: { start, end } }
}

/** Period `index` of a subscription, counted from its anchor. */
export const periodOf = (
  { anchorAt, anchorIndex, timeZone, cycle }: Pick<Subscription, 'anchorAt' | 'anchorIndex' | 'timeZone' | 'cycle'>,
  index: number,
): IndexedPeriod => ({ ...periodByIndex({ anchor: anchorAt, timeZone, cycle }, index - anchorIndex), index })

/** The period after the one that runs, as things stand: with a scheduled change of the cycle, or after a trial, it counts from its own start. */
export const followingPeriod = (subscription: Subscription): IndexedPeriod => {
  const { period, status, scheduled, cycle } = subscription
  const index = period.index + 1
  const next = scheduled?.cycle ?? cycle
  const restarts = status === 'trialing' || next !== cycle
  return periodOf({ ...subscription, cycle: next, ...(restarts ? { anchorAt: period.end, anchorIndex: index } : {}) }, index)
}
