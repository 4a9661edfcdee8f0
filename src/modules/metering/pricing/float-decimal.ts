/** An exact decimal: `digits` × 10^−`scale`. */
export type FloatDecimal = { readonly digits: bigint; readonly scale: number }

const SHORTEST = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d{1,3}))?$/

/** The decimal that a program wrote for a float: '0.075', '1e-7', '0.013317500000000001'. For what people type there is lib/decimal. */
export function decimalOfFloat(text: string): FloatDecimal | undefined {
  const match = SHORTEST.exec(text)
  if (!match) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const scale = fraction.length - Number(exponent)
  const digits = BigInt(`${sign}${whole}${fraction}`)
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 }
}

/** The decimal × 10^`power` when that is a whole number, otherwise undefined. */
export function scaledExactly(value: FloatDecimal, power: number): bigint | undefined {
  if (power >= value.scale) return value.digits * 10n ** BigInt(power - value.scale)
  const divisor = 10n ** BigInt(value.scale - power)
  return value.digits % divisor === 0n ? value.digits / divisor : undefined
}
