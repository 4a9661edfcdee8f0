import type { Cycle, IndexedPeriod, Period } from '../../lib/period.ts'

export const STATUSES = ['trialing', 'active', 'canceled'] as const
export type SubscriptionStatus = (typeof STATUSES)[number]

/** `canceled` is the end; a cancellation that waits for the period's end is a flag on the live subscription. */
const NEXT = {
  trialing: ['active', 'canceled'],
  active: ['canceled'],
  canceled: [],
} as const satisfies Record<SubscriptionStatus, readonly SubscriptionStatus[]>

export const canMove = (from: SubscriptionStatus, to: SubscriptionStatus): boolean =>
  NEXT[from].some((allowed: SubscriptionStatus) => allowed === to)

/** The trial is the period before the first. */
export const TRIAL_INDEX = -1

export const CYCLES = ['monthly', 'quarterly', 'annual'] as const satisfies readonly Cycle[]

/** What is paid for: a plan's version, in a cycle, at a price. */
export interface Offer {
  readonly planVersionId: string
  readonly cycle: Cycle
  /** Minor units a month. */
  readonly monthlyPrice: bigint
  /** Agreed with this tenant, the plan's price is another. */
  readonly priceOverridden: boolean
}

export interface Subscription extends Offer {
  readonly id: string
  readonly tenantId: string
  readonly status: SubscriptionStatus
  readonly currency: string
  /** Periods count from here; it moves at the end of a trial and when the cycle changes. */
  readonly anchorAt: Temporal.Instant
  /** The number of the period that starts at the anchor: numbers go on when the anchor moves. */
  readonly anchorIndex: number
  readonly timeZone: string
  readonly period: IndexedPeriod
  /** Base charged for this period so far, proration included, minor units. */
  readonly charged: bigint
  /** Σ price of the period × nanoseconds it ran, up to `pricedFrom`; see proration.ts. */
  readonly usedWeight: bigint
  /** From when in this period the present price runs. */
  readonly pricedFrom: Temporal.Instant
  readonly trialEndsAt: Temporal.Instant | null
  /** Comes into force when the period ends. */
  readonly scheduled: Offer | null
  readonly cancelAtPeriodEnd: boolean
  readonly cancelReason: string | null
  readonly canceledAt: Temporal.Instant | null
  readonly endedAt: Temporal.Instant | null
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
}

export const REASONS = ['created', 'trial_ended', 'upgraded', 'downgraded'] as const
export type PhaseReason = (typeof REASONS)[number]

/** What a subscription was from when to when: phases tile its life. */
export interface Phase extends Omit<Offer, 'priceOverridden'> {
  readonly id: string
  readonly subscriptionId: string
  readonly startsAt: Temporal.Instant
  /** null: the one that runs. */
  readonly endsAt: Temporal.Instant | null
  readonly reason: PhaseReason
}

/** A period that has ended and whose use is to be billed in arrears. */
export interface ClosedPeriod extends IndexedPeriod {
  /** What was paid for of `whole`, the period as it was planned: half the month paid gives half the allowance. */
  readonly paid: Period
  readonly whole: Period
}

/** A period that has begun and whose base is to be billed in advance. */
export interface NewPeriod extends IndexedPeriod, Offer {
  /** Minor units. */
  readonly base: bigint
}

export const later = (a: Temporal.Instant, b: Temporal.Instant): Temporal.Instant => (Temporal.Instant.compare(a, b) >= 0 ? a : b)
export const isBefore = (a: Temporal.Instant, b: Temporal.Instant): boolean => Temporal.Instant.compare(a, b) < 0
