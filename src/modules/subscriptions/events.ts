import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { IndexedPeriod, Period } from '../../lib/period.ts'
import type { Cancellation } from './cancellation.ts'
import type { Advance } from './period-advance.ts'
import type { Immediate } from './plan-change.ts'
import { type ClosedPeriod, CYCLES, type NewPeriod, type Offer, type Subscription } from './subscription.ts'

// What leaves this module through the outbox, and how a subscriber reads it. Amounts are minor units as text.

const At = Type.String()
const Minor = Type.String()
const Span = Type.Object({ start: At, end: At })
const OfferJson = Type.Object({
  plan_version_id: Type.String(),
  cycle: Type.Enum(CYCLES),
  monthly_price: Minor,
  price_overridden: Type.Boolean(),
})
const NewPeriodJson = Type.Object({ index: Type.Integer(), start: At, end: At, base: Minor, offer: OfferJson })
const ClosedPeriodJson = Type.Object({ index: Type.Integer(), start: At, end: At, paid: Span, whole: Span })
const Maybe = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

export const PeriodStartedJson = Type.Object({
  subscription_id: Type.String(),
  new_period: NewPeriodJson,
  closed_period: Maybe(ClosedPeriodJson),
})
export const ChangedJson = Type.Object({
  change_id: Type.String(),
  subscription_id: Type.String(),
  at: At,
  currency: Type.String(),
  old: Type.Object({ offer: OfferJson, period: Span, rest: Span }),
  new: Type.Object({ offer: OfferJson, period: Span, rest: Span }),
  credit: Minor,
  charge: Minor,
  closed_period: Maybe(ClosedPeriodJson),
})
export const EndedJson = Type.Object({
  subscription_id: Type.String(),
  at: At,
  final: Type.Literal(true),
  currency: Type.String(),
  credit: Minor,
  closed_period: Maybe(ClosedPeriodJson),
})

const spanJson = ({ start, end }: Period): Static<typeof Span> => ({ start: start.toString(), end: end.toString() })
const offerJson = (offer: Offer): Static<typeof OfferJson> => ({
  plan_version_id: offer.planVersionId,
  cycle: offer.cycle,
  monthly_price: offer.monthlyPrice.toString(),
  price_overridden: offer.priceOverridden,
})
const newPeriodJson = (period: NewPeriod): Static<typeof NewPeriodJson> => ({
  index: period.index,
  ...spanJson(period),
  base: period.base.toString(),
  offer: offerJson(period),
})
const closedJson = (closed: ClosedPeriod | undefined): Static<typeof ClosedPeriodJson> | null =>
  closed ? { index: closed.index, ...spanJson(closed), paid: spanJson(closed.paid), whole: spanJson(closed.whole) } : null

export const startedEvent = (subscription: Subscription, newPeriod: NewPeriod, closed: Advance['closedPeriod']) => ({
  type: 'subscription.period_started',
  tenantId: subscription.tenantId,
  payload: {
    subscription_id: subscription.id,
    new_period: newPeriodJson(newPeriod),
    closed_period: closedJson(closed),
  } satisfies Static<typeof PeriodStartedJson>,
})

export const changedEvent = (changeId: string, old: Subscription, change: Immediate) => ({
  type: 'subscription.changed',
  tenantId: old.tenantId,
  payload: {
    change_id: changeId,
    subscription_id: old.id,
    at: change.at.toString(),
    currency: old.currency,
    old: { offer: offerJson(old), period: spanJson(old.period), rest: spanJson(change.oldRest) },
    new: { offer: offerJson(change.subscription), period: spanJson(change.subscription.period), rest: spanJson(change.newRest) },
    credit: change.credit.toString(),
    charge: change.charge.toString(),
    closed_period: closedJson(change.closedPeriod),
  } satisfies Static<typeof ChangedJson>,
})

export const endedEvent = ({ at, subscription, credit, closedPeriod }: Cancellation) => ({
  type: 'subscription.ended',
  tenantId: subscription.tenantId,
  payload: {
    subscription_id: subscription.id,
    at: at.toString(),
    final: true,
    currency: subscription.currency,
    credit: credit.toString(),
    closed_period: closedJson(closedPeriod),
  } satisfies Static<typeof EndedJson>,
})

/** News without money: `type` after `subscription.`. */
export const newsEvent = (
  type: 'created' | 'plan_swapped' | 'change_scheduled' | 'canceled',
  of: Subscription,
  at: Temporal.Instant,
) => ({
  type: `subscription.${type}`,
  tenantId: of.tenantId,
  payload: {
    subscription_id: of.id,
    at: at.toString(),
    status: of.status,
    offer: offerJson(of),
    scheduled: of.scheduled ? offerJson(of.scheduled) : null,
    reason: of.cancelReason,
  },
})

const span = ({ start, end }: Static<typeof Span>): Period => ({
  start: Temporal.Instant.from(start),
  end: Temporal.Instant.from(end),
})
const indexed = (period: Static<typeof Span> & { readonly index: number }): IndexedPeriod => ({
  index: period.index,
  ...span(period),
})
const offer = (json: Static<typeof OfferJson>): Offer => ({
  planVersionId: json.plan_version_id,
  cycle: json.cycle,
  monthlyPrice: BigInt(json.monthly_price),
  priceOverridden: json.price_overridden,
})
const closed = (json: Static<typeof ClosedPeriodJson> | null): ClosedPeriod | undefined =>
  json ? { ...indexed(json), paid: span(json.paid), whole: span(json.whole) } : undefined

/** The payload of `subscription.period_started`. */
export const readPeriodStarted = (payload: unknown) => {
  const json = Value.Parse(PeriodStartedJson, payload)
  const { base, offer: paid, ...period } = json.new_period
  return {
    subscriptionId: json.subscription_id,
    newPeriod: { ...indexed(period), base: BigInt(base), ...offer(paid) },
    closedPeriod: closed(json.closed_period),
  }
}

/** The payload of `subscription.changed`: what a change invoice bills. `credit` and `charge` are 0 or more. */
export const readChanged = (payload: unknown) => {
  const json = Value.Parse(ChangedJson, payload)
  const side = (of: Static<typeof ChangedJson>['old']) => ({ ...offer(of.offer), period: span(of.period), rest: span(of.rest) })
  return {
    changeId: json.change_id,
    subscriptionId: json.subscription_id,
    at: Temporal.Instant.from(json.at),
    currency: json.currency,
    old: side(json.old),
    new: side(json.new),
    credit: BigInt(json.credit),
    charge: BigInt(json.charge),
    closedPeriod: closed(json.closed_period),
  }
}

/** The payload of `subscription.ended`: what the final invoice bills, and gives back. */
export const readEnded = (payload: unknown) => {
  const json = Value.Parse(EndedJson, payload)
  return {
    subscriptionId: json.subscription_id,
    at: Temporal.Instant.from(json.at),
    currency: json.currency,
    credit: BigInt(json.credit),
    closedPeriod: closed(json.closed_period),
  }
}
