import { parseDecimal } from './decimal.ts'
import { apportion, divRound } from './money.ts'

/** Fraction digits of a rate in per cent, as in numeric(9,6). */
const RATE_SCALE = 6

/**
 * Tax on net amounts (minor units, after discount; credits are negative) at one rate in per cent, '8.875'. The invoice's tax is the
 * exact sum rounded once, half away from zero; the lines' taxes are made to sum to it, each within one minor unit of its
 * exact tax. Rounding every line on its own would drift by up to half a cent a line.
 */
export const taxOn = (net: readonly bigint[], ratePct: string): { perLine: bigint[]; total: bigint } => {
  const rate = parseDecimal(ratePct, RATE_SCALE)
  if (rate < 0n) throw new RangeError(`a tax rate is not negative: ${ratePct}`)
  const whole = 100n * 10n ** BigInt(RATE_SCALE)
  const exact = net.map((amount) => amount * rate)
  const total = divRound(
    exact.reduce((sum, tax) => sum + tax, 0n),
    whole,
  )
  return { perLine: apportion(total, exact, whole), total }
}
