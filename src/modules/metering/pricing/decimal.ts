/** An exact decimal: `digits` × 10^−`scale`. */
export type Decimal = { readonly digits: bigint; readonly scale: number }

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i

/** Reads '12', '-0.075', '1e-7'; undefined for anything else, so that a typing error never becomes a price. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = DECIMAL.exec(text)
  if (!match) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const scale = fraction.length - Number(exponent)
  const digits = BigInt(`${sign}${whole}${fraction}`)
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 }
}

/** Nearest integer to numerator ÷ denominator (denominator positive), halves away from zero. */
export function divideHalfUp(numerator: bigint, denominator: bigint): bigint {
  const sign = numerator < 0n ? -1n : 1n
  return (sign * (2n * sign * numerator + denominator)) / (2n * denominator)
}

/** The decimal × 10^`power` when that is a whole number, otherwise undefined. */
export function scaledExactly(value: Decimal, power: number): bigint | undefined {
  if (power >= value.scale) return value.digits * 10n ** BigInt(power - value.scale)
  const divisor = 10n ** BigInt(value.scale - power)
  return value.digits % divisor === 0n ? value.digits / divisor : undefined
}
