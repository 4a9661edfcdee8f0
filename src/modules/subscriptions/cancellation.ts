import { conflict } from '../../platform/errors.ts'
import { cutPeriod, runningPeriod, type When } from './plan-change.ts'
import { unusedAt } from './proration.ts'
import { type ClosedPeriod, canMove, later, type Subscription } from './subscription.ts'

export interface Cancellation {
  /** When it ends. */
  readonly at: Temporal.Instant
  readonly subscription: Subscription
  /** Minor units given back for the rest of the period. */
  readonly credit: bigint
  readonly closedPeriod: ClosedPeriod | undefined
}

/** `prorate`: what was paid for the rest of the period is given back, and the allowance shrinks with it. */
export interface CancelOrder {
  readonly when: When
  readonly prorate: boolean
  readonly reason: string | null
  readonly now: Temporal.Instant
}

/** `subscription` is live and its period has not ended. At the period's end is a flag until then; now is the end. */
export const decideCancellation = (subscription: Subscription, { when, prorate, reason, now }: CancelOrder): Cancellation => {
  if (!canMove(subscription.status, 'canceled'))
    throw conflict('subscription_ended', `subscription ${subscription.id} ended at ${subscription.endedAt}`)
  const noted = { ...subscription, canceledAt: subscription.canceledAt ?? now, cancelReason: reason ?? subscription.cancelReason }
  if (when === 'period_end') {
    const flagged = { ...noted, cancelAtPeriodEnd: true, scheduled: null }
    return { at: subscription.period.end, subscription: flagged, credit: 0n, closedPeriod: undefined }
  }
  const at = later(now, subscription.pricedFrom)
  const { start, end } = subscription.period
  return {
    at,
    subscription: { ...noted, status: 'canceled', endedAt: at, scheduled: null },
    credit: prorate && subscription.status === 'active' ? unusedAt(runningPeriod(subscription), at) : 0n,
    closedPeriod: cutPeriod(subscription, at, { start, end: prorate ? at : end }),
  }
}
