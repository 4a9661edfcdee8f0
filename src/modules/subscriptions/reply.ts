import { Type } from 'typebox'
import { formatDecimal } from '../../lib/decimal.ts'
import { formatAmount } from '../../lib/money.ts'
import type { IndexedPeriod } from '../../lib/period.ts'
import { Amount, CurrencyCode, Decimal, Instant, Nullable, Strict } from '../../platform/http/schema.ts'
import { METERS, type PlanVersion } from '../catalog/index.ts'
import type { ChangePreview } from './change-subscription.ts'
import type { SubscriptionMetrics } from './load-metrics.ts'
import { followingPeriod, WHENS } from './plan-change.ts'
import { periodPrice } from './proration.ts'
import { prorationLines } from './proration-lines.ts'
import { CYCLES, type Offer, STATUSES, type Subscription } from './subscription.ts'

export const CycleName = Type.Enum(CYCLES)
const OfferReply = Strict({
  plan: Type.String({ description: 'Its code' }),
  plan_version_id: Type.String(),
  cycle: CycleName,
  monthly_price: Amount,
  price_overridden: Type.Boolean(),
})

export const SubscriptionReply = Strict({
  id: Type.String(),
  tenant_id: Type.String(),
  status: Type.Enum(STATUSES),
  ...OfferReply.properties,
  currency: CurrencyCode,
  time_zone: Type.String(),
  anchor_at: Instant,
  period: Strict({ index: Type.Integer({ description: '-1 is the trial' }), start: Instant, end: Instant }),
  trial_ends_at: Nullable(Instant),
  scheduled: Nullable(OfferReply),
  cancel_at_period_end: Type.Boolean(),
  cancel_reason: Nullable(Type.String()),
  canceled_at: Nullable(Instant),
  ended_at: Nullable(Instant),
  created_at: Instant,
  updated_at: Instant,
})

/** The plans that replies name, by the id of their version. */
export type Plans = ReadonlyMap<string, PlanVersion>

const offer = ({ planVersionId, cycle, monthlyPrice, priceOverridden }: Offer, currency: string, plans: Plans) => ({
  plan: plans.get(planVersionId)?.planCode ?? planVersionId,
  plan_version_id: planVersionId,
  cycle,
  monthly_price: formatAmount(monthlyPrice, currency),
  price_overridden: priceOverridden,
})
const time = (at: Temporal.Instant | null | undefined): string | null => at?.toString() ?? null
const indexed = ({ index, start, end }: IndexedPeriod) => ({ index, start: start.toString(), end: end.toString() })

export const toReply = (s: Subscription, plans: Plans) => ({
  id: s.id,
  tenant_id: s.tenantId,
  status: s.status,
  ...offer(s, s.currency, plans),
  currency: s.currency,
  time_zone: s.timeZone,
  anchor_at: s.anchorAt.toString(),
  period: indexed(s.period),
  trial_ends_at: time(s.trialEndsAt),
  scheduled: s.scheduled && offer(s.scheduled, s.currency, plans),
  cancel_at_period_end: s.cancelAtPeriodEnd,
  cancel_reason: s.cancelReason,
  canceled_at: time(s.canceledAt),
  ended_at: time(s.endedAt),
  created_at: s.createdAt.toString(),
  updated_at: s.updatedAt.toString(),
})

export const PreviewReply = Strict({
  when: Type.Enum(WHENS),
  effective_at: Instant,
  currency: CurrencyCode,
  lines: Type.Array(Strict({ description: Type.String(), amount: Amount, period_start: Instant, period_end: Instant }), {
    description: 'The prorations that the change would bill now, before tax; none where nothing is',
  }),
  credit: Type.String({ description: 'Given back now for the rest of the period, before tax' }),
  charge: Type.String({ description: 'Charged now, before tax' }),
  usage: Type.String({
    description: 'Where the cycle changes now: what the use of the period that it closes comes to, billed with it, before tax',
  }),
  net_now: Type.String({ description: 'charge − credit + usage; negative goes to the credit balance' }),
  next_period: Nullable(
    Strict({ index: Type.Integer(), start: Instant, end: Instant, base: Amount }, { description: 'null: it ends before' }),
  ),
})

export const toPreview = ({ when, before, change, usage, plans }: ChangePreview) => {
  const { subscription, at } = change
  const { credit, charge } = change.kind === 'immediate' ? change : { credit: 0n, charge: 0n }
  const money = (minor: bigint) => formatAmount(minor, subscription.currency)
  const name = ({ planVersionId }: Offer) => plans.get(planVersionId)?.planName ?? planVersionId
  const lines = change.kind === 'immediate' ? prorationLines(change, { old: name(before), new: name(subscription) }) : []
  const next = subscription.scheduled ?? subscription
  return {
    when,
    effective_at: at.toString(),
    currency: subscription.currency,
    lines: lines.map(({ description, amount, period }) => ({
      description,
      amount: money(amount),
      period_start: period.start.toString(),
      period_end: period.end.toString(),
    })),
    credit: money(credit),
    charge: money(charge),
    usage: money(usage),
    net_now: money(charge - credit + usage),
    next_period: subscription.cancelAtPeriodEnd
      ? null
      : { ...indexed(followingPeriod(subscription)), base: money(periodPrice(next)) },
  }
}

const MeterReply = Strict({
  meter: Type.Enum(METERS),
  used: Decimal,
  included: Decimal,
  remaining: Decimal,
  percent: Nullable(Type.String({ description: 'Of what is included; null where nothing is' })),
  overage: Decimal,
  overage_amount: Type.String({
    description: 'What the use so far beyond it costs; nothing in a trial or where the plan charges none',
  }),
})

export const MetricsReply = Strict({
  subscription_id: Type.String(),
  plan: Type.String(),
  currency: CurrencyCode,
  period: SubscriptionReply.properties.period,
  days_left: Type.String({ description: 'To the end of the period, two decimals' }),
  meters: Type.Array(MeterReply),
  llm_cost: Strict({ amount: Decimal, currency: CurrencyCode }),
  mrr: Type.String({ description: 'Monthly recurring revenue: the price a month, whatever the cycle; none in a trial' }),
  next_invoice: Nullable(
    Strict({
      projection: Type.Literal('linear', { description: 'Use so far × length of the period ÷ time elapsed; before tax' }),
      base: Amount,
      overage: Amount,
      pass_through: Type.String({ description: 'LLM cost with its markup, where the plan bills it' }),
      total: Amount,
    }),
  ),
  churn_indicators: Strict({
    last_event_at: Nullable(Instant),
    days_since_last_event: Nullable(Type.Integer({ description: 'Whole days' })),
    api_calls_change_percent: Nullable(Type.String({ description: 'Against the same stretch of the period before' })),
    cancel_at_period_end: Type.Boolean(),
  }),
})

export const toMetrics = ({ subscription, version, meters, secondsLeft, mrr, forecast, ...rest }: SubscriptionMetrics) => {
  const money = (minor: bigint) => formatAmount(minor, subscription.currency)
  return {
    subscription_id: subscription.id,
    plan: version.planCode,
    currency: subscription.currency,
    period: indexed(subscription.period),
    days_left: (secondsLeft / 86_400).toFixed(2),
    meters: meters.map((state) => ({
      meter: state.meter,
      used: formatDecimal(state.used),
      included: formatDecimal(state.included),
      remaining: formatDecimal(state.remaining),
      percent: state.percent,
      overage: formatDecimal(state.overage),
      overage_amount: money(state.overageAmount),
    })),
    llm_cost: { amount: formatDecimal(rest.llmCost), currency: 'USD' },
    mrr: money(mrr),
    next_invoice: forecast
      ? {
          projection: 'linear' as const,
          base: money(forecast.base),
          overage: money(forecast.overage),
          pass_through: money(forecast.passThrough),
          total: money(forecast.base + forecast.overage + forecast.passThrough),
        }
      : null,
    churn_indicators: {
      last_event_at: time(rest.lastEventAt),
      days_since_last_event: rest.daysSinceLastEvent ?? null,
      api_calls_change_percent: rest.callsChangePercent,
      cancel_at_period_end: subscription.cancelAtPeriodEnd,
    },
  }
}
