import { overageCharge } from '../../lib/charges.ts'
import { type Decimal12, formatDecimal, PICO } from '../../lib/decimal.ts'
import { divRound, picoToMinor } from '../../lib/money.ts'
import { METERS, type Meter, type PerMeter, type PlanVersion, PRICED_PER } from '../catalog/index.ts'
import { withMarkup } from '../metering/index.ts'
import { periodPrice } from './proration.ts'
import { isBefore, type Subscription } from './subscription.ts'

export interface MeterState {
  readonly meter: Meter
  readonly used: Decimal12
  readonly included: Decimal12
  readonly remaining: Decimal12
  /** Of the allowance, two decimals; null: nothing is included. */
  readonly percent: string | null
  readonly overage: Decimal12
  /** Minor units so far. */
  readonly overageAmount: bigint
}

interface Terms {
  readonly subscription: Subscription
  readonly version: PlanVersion
  readonly included: PerMeter<Decimal12>
}

interface Totals {
  readonly computeHours: Decimal12
  readonly apiCalls: Decimal12
  readonly storageGb: Decimal12
}

/** Use by meter; without totals, none but the members'. */
export const usedOf = (totals: Totals | undefined, members: number): PerMeter<Decimal12> => ({
  compute_hours: totals?.computeHours ?? 0n,
  api_calls: totals?.apiCalls ?? 0n,
  storage_gb: totals?.storageGb ?? 0n,
  users: BigInt(members) * 10n ** BigInt(PICO),
})

/** Use beyond the allowance at the plan's price, minor units; 0 where the plan charges none. */
export const overageAmount = (
  meter: Meter,
  quantity: Decimal12,
  included: Decimal12,
  { overage, currency }: PlanVersion,
): bigint => {
  const unitPrice = overage[meter]
  return unitPrice === null ? 0n : overageCharge({ quantity, included, unitPrice, per: PRICED_PER[meter], currency }).amountMinor
}

const max0 = (value: bigint): bigint => (value > 0n ? value : 0n)

const percentOf = (part: bigint, whole: bigint): string | null =>
  whole === 0n ? null : formatDecimal(divRound(part * 10_000n, whole), 2, { minFraction: 2 })

/** Each meter against its allowance. Use in a trial is not billed, so that its overage costs nothing. */
export const meterStates = (used: PerMeter<Decimal12>, { subscription, version, included }: Terms): MeterState[] =>
  METERS.map((meter) => ({
    meter,
    used: used[meter],
    included: included[meter],
    remaining: max0(included[meter] - used[meter]),
    percent: percentOf(used[meter], included[meter]),
    overage: max0(used[meter] - included[meter]),
    overageAmount: subscription.status === 'trialing' ? 0n : overageAmount(meter, used[meter], included[meter], version),
  }))

/** Monthly recurring revenue, minor units: the price a month, whatever the cycle; a trial brings none. */
export const mrrOf = ({ status, monthlyPrice }: Subscription): bigint => (status === 'active' ? monthlyPrice : 0n)

/** The invoice when the period ends, before tax, minor units. */
export interface Forecast {
  /** Of the next period; 0 where there is none. */
  readonly base: bigint
  readonly overage: bigint
  readonly passThrough: bigint
}

/**
 * The next invoice if the period goes on as it did so far: use × length ÷ elapsed, a straight line and no statistics. Storage and users
 * are a mean and a peak: they stay as they are. undefined before anything has elapsed.
 */
export const forecast = (
  used: PerMeter<Decimal12>,
  llmCost: bigint,
  terms: Terms,
  now: Temporal.Instant,
): Forecast | undefined => {
  const { subscription, version } = terms
  const { start, end } = subscription.period
  if (!isBefore(start, now)) return undefined
  const length = end.epochNanoseconds - start.epochNanoseconds
  const elapsed = now.epochNanoseconds - start.epochNanoseconds
  const straight = (value: bigint): bigint => divRound(value * length, elapsed)
  const projected = { ...used, api_calls: straight(used.api_calls), compute_hours: straight(used.compute_hours) }
  const bills = version.llmPassThrough && version.currency === 'USD' && subscription.status !== 'trialing'
  return {
    base: subscription.cancelAtPeriodEnd ? 0n : periodPrice(subscription.scheduled ?? subscription),
    overage: meterStates(projected, terms).reduce((sum, state) => sum + state.overageAmount, 0n),
    passThrough: bills ? picoToMinor(withMarkup(straight(llmCost), version.llmMarkupPercent), version.currency) : 0n,
  }
}

/** Change from the period before, in percent with two decimals; null where there was no use before. */
export const changePercent = (now: bigint, before: bigint): string | null => percentOf(now - before, before)
