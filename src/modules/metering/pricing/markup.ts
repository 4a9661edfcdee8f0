import { PICO, parseDecimal } from '../../../lib/decimal.ts'
import { divRound } from '../../../lib/money.ts'

const HUNDRED_PERCENT = 100n * 10n ** BigInt(PICO)

/**
 * Cost plus a markup in percent, e.g. '30' or '12.5' ('-100' is a gift): one exact product,
 * rounded once to the pico, halves away from zero.
 */
export function withMarkup(pico: bigint, markupPercent: string): bigint {
  const markup = parseDecimal(markupPercent)
  if (markup < -HUNDRED_PERCENT) throw new RangeError(`markup '${markupPercent}' makes the price negative; send -100 or more`)
  return divRound(pico * (HUNDRED_PERCENT + markup), HUNDRED_PERCENT)
}
