import type { Cycle } from '../../lib/period.ts'
import { unprocessable } from '../../platform/errors.ts'
import { periodOf } from './plan-change.ts'
import { periodPrice } from './proration.ts'
import { isBefore, type Offer, type Subscription, TRIAL_INDEX } from './subscription.ts'

export interface NewSubscription {
  readonly id: string
  readonly tenantId: string
  readonly timeZone: string
  readonly currency: string
  readonly offer: Offer
  readonly trialDays: number
  /** When it begins; undefined: now. */
  readonly anchorAt: Temporal.Instant | undefined
  readonly now: Temporal.Instant
}

/** How far back a subscription may begin: a year, for those who bring customers along from another system. */
const MAX_BACKDATE_HOURS = 366 * 24

/** Throws 422 `anchor_invalid` for a start in the future or more than 366 days ago. */
export const startOf = (anchorAt: Temporal.Instant | undefined, now: Temporal.Instant): Temporal.Instant => {
  if (anchorAt === undefined) return now
  const at = toMicroseconds(anchorAt)
  if (isBefore(now, at))
    throw unprocessable('anchor_invalid', `anchor_at ${at} is in the future; leave it out to begin now, or give trial_days`)
  if (isBefore(at, now.subtract({ hours: MAX_BACKDATE_HOURS })))
    throw unprocessable('anchor_invalid', `anchor_at ${at} is more than 366 days ago; give a later one`)
  return at
}

/** PostgreSQL keeps microseconds: what is decided by an instant must be decided by the one that will be stored. */
export const toMicroseconds = (at: Temporal.Instant): Temporal.Instant =>
  at.round({ smallestUnit: 'microsecond', roundingMode: 'floor' })

/** A subscription as it begins. A trial of n days ends at the same time of day n days on, in the tenant's time zone. */
export const decideCreation = ({
  id,
  tenantId,
  timeZone,
  currency,
  offer,
  trialDays,
  anchorAt,
  now,
}: NewSubscription): Subscription => {
  const start = startOf(anchorAt, now)
  const trialEndsAt = trialDays > 0 ? start.toZonedDateTimeISO(timeZone).add({ days: trialDays }).toInstant() : null
  const cycle: Cycle = offer.cycle
  return {
    id,
    tenantId,
    ...offer,
    status: trialEndsAt ? 'trialing' : 'active',
    currency,
    anchorAt: start,
    anchorIndex: 0,
    timeZone,
    period: trialEndsAt
      ? { index: TRIAL_INDEX, start, end: trialEndsAt }
      : periodOf({ anchorAt: start, anchorIndex: 0, timeZone, cycle }, 0),
    charged: trialEndsAt ? 0n : periodPrice(offer),
    usedWeight: 0n,
    pricedFrom: start,
    trialEndsAt,
    scheduled: null,
    cancelAtPeriodEnd: false,
    cancelReason: null,
    canceledAt: null,
    endedAt: null,
    createdAt: now,
    updatedAt: now,
  }
}
