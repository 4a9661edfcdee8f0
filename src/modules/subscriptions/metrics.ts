import { overageCharge } from '../../lib/charges.ts'
import { type Decimal12, formatDecimal } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import { METERS, type Meter, type PerMeter, type PlanVersion, PRICED_PER } from '../catalog/index.ts'
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

export const meterStates = (used: PerMeter<Decimal12>, included: PerMeter<Decimal12>, version: PlanVersion): MeterState[] =>
  METERS.map((meter) => ({
    meter,
    used: used[meter],
    included: included[meter],
    remaining: max0(included[meter] - used[meter]),
    percent:
      included[meter] === 0n ? null : formatDecimal(divRound(used[meter] * 10_000n, included[meter]), 2, { minFraction: 2 }),
    overage: max0(used[meter] - included[meter]),
    overageAmount: overageAmount(meter, used[meter], included[meter], version),
  }))

/** Monthly recurring revenue, minor units: the price a month, whatever the cycle; a trial brings none. */
export const mrrOf = ({ status, monthlyPrice }: Subscription): bigint => (status === 'active' ? monthlyPrice : 0n)

/**
 * The use of the whole period if it goes on as it did so far: used × length ÷ elapsed, a straight line and no statistics. undefined
 * before anything has elapsed. Levels (storage, users) are means and peaks: they stay as they are.
 */
export const projectLinearly = (
  used: PerMeter<Decimal12>,
  { period }: Subscription,
  now: Temporal.Instant,
): PerMeter<Decimal12> | undefined => {
  if (!isBefore(period.start, now)) return undefined
  const length = period.end.epochNanoseconds - period.start.epochNanoseconds
  const elapsed = now.epochNanoseconds - period.start.epochNanoseconds
  const straight = (value: Decimal12): Decimal12 => (elapsed >= length ? value : divRound(value * length, elapsed))
  return { ...used, api_calls: straight(used.api_calls), compute_hours: straight(used.compute_hours) }
}

/** Change from the period before, in percent with two decimals; null where there was no use before. */
export const changePercent = (now: bigint, before: bigint): string | null =>
  before === 0n ? null : formatDecimal(divRound((now - before) * 10_000n, before), 2, { minFraction: 2 })
