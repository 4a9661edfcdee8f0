/** Fraction digits of a usage cost or quantity, as in numeric(38,12). */
export const PICO = 12

/** An exact decimal as a count of 10⁻¹²: 1.5 GB is 1_500_000_000_000n, 0.0302 dollars 30_200_000_000n. */
export type Decimal12 = bigint

/** Digits that numeric(38, scale) holds in all. */
const MAX_DIGITS = 38

export type DecimalFault = 'malformed' | 'too_precise' | 'too_large'

/** A text that is not the exact decimal asked for; the message is fit for the person who sent it. */
export class DecimalError extends RangeError {
  override readonly name = 'DecimalError'
  readonly code: DecimalFault

  constructor(code: DecimalFault, message: string) {
    super(message)
    this.code = code
  }
}

const DECIMAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/

/**
 * '0.0302' → 0.0302 × 10^scale, exactly. Digits are refused rather than rounded away, and so are exponents, signs other than
 * a leading '-', blanks and bare points: a typing error never becomes a price. Throws DecimalError.
 */
export const parseDecimal = (text: string, scale: number = PICO, maxWholeDigits: number = MAX_DIGITS - scale): bigint => {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text
  // The length is tested first: neither the pattern nor BigInt may be fed a megabyte.
  if (text.length > 2 * MAX_DIGITS)
    throw new DecimalError('too_large', `'${shown}' is too long; send at most ${MAX_DIGITS} digits`)
  const match = DECIMAL.exec(text)
  if (!match) throw new DecimalError('malformed', `'${shown}' is not a plain decimal; send digits such as '12.34'`)
  const [, sign = '', whole = '', fraction = ''] = match
  if (fraction.length > scale)
    throw new DecimalError('too_precise', `'${shown}' has ${fraction.length} fraction digits; send at most ${scale}`)
  if (whole.length > maxWholeDigits)
    throw new DecimalError('too_large', `'${shown}' is too large; send at most ${maxWholeDigits} digits before the point`)
  return BigInt(sign + whole + fraction.padEnd(scale, '0'))
}

/** value × 10^−scale as text, exactly: zeros at the end are left off down to `minFraction` digits. */
export const formatDecimal = (
  value: bigint,
  scale: number = PICO,
  { minFraction = 0 }: { minFraction?: number } = {},
): string => {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const point = digits.length - scale
  const fraction = digits.slice(point).replace(/0+$/, '').padEnd(minFraction, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, point)}${fraction ? `.${fraction}` : ''}`
}
