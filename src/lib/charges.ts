import { type Decimal12, PICO } from './decimal.ts'
import { type Currency, divRound, minorDigits } from './money.ts'

export interface Overage {
  /** Used in the period, in the meter's unit (hours, calls, GB, users); fractions count. */
  readonly quantity: Decimal12
  /** Covered by the plan's price, same unit. */
  readonly included: Decimal12
  /** Major units of the currency for `per` units: 0.10 per 1,000 calls is 100_000_000_000n with per 1000n. */
  readonly unitPrice: Decimal12
  /** Above 0. */
  readonly per: bigint
  readonly currency: Currency
}

/**
 * What is used above the allowance, priced pro rata: one call over at 0.10 per 1,000 costs a thousandth of 0.10, no started
 * thousand is charged whole. Exact until the one rounding to minor units, half away from zero.
 */
export const overageCharge = ({
  quantity,
  included,
  unitPrice,
  per,
  currency,
}: Overage): { billable: Decimal12; amountMinor: bigint } => {
  if (per <= 0n) throw new RangeError(`a price is per at least 1 unit, not ${per}`)
  const billable = quantity > included ? quantity - included : 0n
  const picoSquared = 10n ** BigInt(2 * PICO - minorDigits(currency))
  return { billable, amountMinor: divRound(billable * unitPrice, per * picoSquared) }
}
