import { cutPeriod, directionOf, periodOf } from './plan-change.ts'
import { periodPrice } from './proration.ts'
import { type ClosedPeriod, isBefore, type NewPeriod, type Offer, type PhaseReason, type Subscription } from './subscription.ts'

/** One step over a period's end. Everything in it happens at `at`, the boundary, however late it is taken. */
export interface Advance {
  readonly at: Temporal.Instant
  /** As it is after the step. */
  readonly subscription: Subscription
  /** Why a new phase begins; undefined: the phase goes on, or the subscription has ended. */
  readonly newPhase: PhaseReason | undefined
  /** undefined: the subscription has ended. */
  readonly newPeriod: NewPeriod | undefined
  /** undefined: a trial ended, whose use is not billed. */
  readonly closedPeriod: ClosedPeriod | undefined
}

/**
 * The next step of a subscription at `now`, undefined where its period has not ended or it is over. One step at a time: three missed
 * months are three steps, each the same whenever it is taken. A trial's end moves the anchor there; a scheduled change comes into force; a scheduled
 * cancellation ends it; else the next period counts from the anchor.
 */
export const decideAdvance = (subscription: Subscription, now: Temporal.Instant): Advance | undefined => {
  const { period, endedAt } = subscription
  if (endedAt || isBefore(now, period.end)) return undefined
  return subscription.cancelAtPeriodEnd ? end(subscription) : enterNext(subscription)
}

const closedPeriodOf = (subscription: Subscription): ClosedPeriod | undefined => {
  const { start, end } = subscription.period
  return cutPeriod(subscription, end, { start, end })
}

const end = (subscription: Subscription): Advance => {
  const at = subscription.period.end
  return {
    at,
    subscription: { ...subscription, status: 'canceled', endedAt: at, scheduled: null },
    newPhase: undefined,
    newPeriod: undefined,
    closedPeriod: closedPeriodOf(subscription),
  }
}

const enterNext = (subscription: Subscription): Advance => {
  const at = subscription.period.end
  const index = subscription.period.index + 1
  const offer: Offer = subscription.scheduled ?? subscription
  const { planVersionId, cycle, monthlyPrice, priceOverridden } = offer
  const trialEnded = subscription.status === 'trialing'
  const restarts = trialEnded || cycle !== subscription.cycle
  const next = {
    ...subscription,
    planVersionId,
    cycle,
    monthlyPrice,
    priceOverridden,
    scheduled: null,
    status: 'active' as const,
    ...(restarts ? { anchorAt: at, anchorIndex: index } : {}),
  }
  const period = periodOf(next, index)
  const base = periodPrice(next)
  return {
    at,
    subscription: { ...next, period, charged: base, usedWeight: 0n, pricedFrom: period.start },
    newPhase: phaseReason(subscription, trialEnded),
    newPeriod: { ...period, base, planVersionId, cycle, monthlyPrice, priceOverridden },
    closedPeriod: closedPeriodOf(subscription),
  }
}

const phaseReason = (subscription: Subscription, trialEnded: boolean): PhaseReason | undefined => {
  if (trialEnded) return 'trial_ended'
  if (!subscription.scheduled) return undefined
  return directionOf(subscription, subscription.scheduled) === 'downgrade' ? 'downgraded' : 'upgraded'
}

/** The subscription as it is at `now`, though nobody has taken the steps yet: for whoever only reads. */
export const advancedTo = (subscription: Subscription, now: Temporal.Instant): Subscription => {
  let current = subscription
  for (let step = decideAdvance(current, now); step; step = decideAdvance(current, now)) current = step.subscription
  return current
}
