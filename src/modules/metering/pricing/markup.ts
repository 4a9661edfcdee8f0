import { divideHalfUp, parseDecimal } from './decimal.ts'

/**
 * Cost plus a markup in percent, e.g. '30' or '12.5' ('-100' is a gift): one exact product,
 * rounded once to the pico, halves away from zero.
 */
export function withMarkup(pico: bigint, markupPercent: string): bigint {
  const markup = parseDecimal(markupPercent)
  if (!markup) throw new RangeError(`markup '${markupPercent}' is not a decimal number of percent; write it like '30' or '12.5'`)
  const hundred = 100n * 10n ** BigInt(markup.scale)
  if (markup.digits < -hundred)
    throw new RangeError(`markup '${markupPercent}' is below -100 percent; a price cannot be negative`)
  return divideHalfUp(pico * (hundred + markup.digits), hundred)
}
