import { type Decimal12, formatDecimal } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import { METERS, type Meter, type PerMeter, perMeter } from '../catalog/index.ts'
import { periodPrice } from './proration.ts'
import { amountsOf, isLevel, type Part, partsOf, type SliceUse, type Use } from './rating.ts'
import type { Slice } from './slices.ts'
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

/** The period that runs, as far as it has. */
export interface Running {
  readonly subscription: Subscription
  /** Hours and calls of the period; GB and users that the plan in force includes at any time. */
  readonly included: PerMeter<Decimal12>
  /** Of the period up to now. */
  readonly use: Use
  readonly slices: readonly SliceUse[]
  /** Those of the whole period. */
  readonly allSlices: readonly Slice[]
}

export const NO_USE: Use = { used: perMeter(() => 0n), llmCost: 0n }

const max0 = (value: bigint): bigint => (value > 0n ? value : 0n)

const percentOf = (part: bigint, whole: bigint): string | null =>
  whole === 0n ? null : formatDecimal(divRound(part * 10_000n, whole), 2, { minFraction: 2 })

/** Use in a trial is not billed. */
const billedParts = ({ status }: Subscription, parts: readonly Part[]): readonly Part[] => (status === 'trialing' ? [] : parts)

/** GB and users: what is held since the last change of plan or month. */
const shown = ({ use, slices }: Running): PerMeter<Decimal12> =>
  perMeter((meter) => (isLevel(meter) ? (slices.at(-1)?.used[meter] ?? use.used[meter]) : use.used[meter]))

/** Each meter against its allowance, and what the use so far beyond it costs. */
export const meterStates = (running: Running): MeterState[] => {
  const { subscription, included, use, slices } = running
  const used = shown(running)
  const { byMeter } = amountsOf(billedParts(subscription, partsOf(slices, use, included)))
  return METERS.map((meter) => ({
    meter,
    used: used[meter],
    included: included[meter],
    remaining: max0(included[meter] - used[meter]),
    percent: percentOf(used[meter], included[meter]),
    overage: max0(used[meter] - included[meter]),
    overageAmount: byMeter[meter],
  }))
}

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
 * stay as they are. undefined before anything has elapsed.
 */
export const forecast = (running: Running, now: Temporal.Instant): Forecast | undefined => {
  const { subscription, included, use, slices, allSlices } = running
  const { start, end } = subscription.period
  const last = slices.at(-1)
  if (!last || !isBefore(start, now)) return undefined
  const length = end.epochNanoseconds - start.epochNanoseconds
  const elapsed = now.epochNanoseconds - start.epochNanoseconds
  const straight = (value: bigint): bigint => divRound(value * length, elapsed)
  const projected = {
    used: perMeter((meter) => (isLevel(meter) ? use.used[meter] : straight(use.used[meter]))),
    llmCost: straight(use.llmCost),
  }
  // What is still to come lies in the last part: the whole less what the earlier ones took.
  const all = allSlices.map((slice, index) => ({ ...(slices[index] ?? { ...last, llmCost: 0n }), slice }))
  const { overage, passThrough } = amountsOf(billedParts(subscription, partsOf(all, projected, included)))
  return {
    base: subscription.cancelAtPeriodEnd ? 0n : periodPrice(subscription.scheduled ?? subscription),
    overage,
    passThrough,
  }
}

/** Change from the period before, in percent with two decimals; null where there was no use before. */
export const changePercent = (now: bigint, before: bigint): string | null => percentOf(now - before, before)
