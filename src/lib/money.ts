import { formatDecimal, PICO, parseDecimal } from './decimal.ts'

/** An active ISO 4217 code; every function here refuses any other text. */
export type Currency = string

const CODES = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND
TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG`
const WITHOUT_MINOR = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' ')
const WITH_THREE = 'BHD IQD JOD KWD LYD OMR TND'.split(' ')

// A table, not Intl: Intl answers from the runtime's CLDR, and an update there must never move a stored amount's point.
const MINOR_DIGITS: ReadonlyMap<string, number> = new Map<string, number>([
  ...CODES.split(/\s/).map((code) => [code, 2] as const),
  ...WITHOUT_MINOR.map((code) => [code, 0] as const),
  ...WITH_THREE.map((code) => [code, 3] as const),
])

export const isCurrency = (code: string): boolean => MINOR_DIGITS.has(code)

/** Digits after the point: USD 2, JPY 0, KWD 3. Source: ISO 4217 list one. */
export const minorDigits = (currency: Currency): number => {
  const digits = MINOR_DIGITS.get(currency)
  if (digits === undefined) throw new RangeError(`'${currency}' is not a currency; send an ISO 4217 code such as USD`)
  return digits
}

/** So many that no sum of an invoice's amounts leaves the int8 that stores it. */
const MAX_WHOLE_DIGITS = 15

/** '12.34' → 1234n minor units. Fewer fraction digits are fine, more are refused. Throws DecimalError. */
export const parseAmount = (text: string, currency: Currency): bigint =>
  parseDecimal(text, minorDigits(currency), MAX_WHOLE_DIGITS)

/** 1234n → '12.34', always with the currency's own number of digits. */
export const formatAmount = (minor: bigint, currency: Currency): string =>
  formatDecimal(minor, minorDigits(currency), { minFraction: minorDigits(currency) })

/** Exact cost in 10⁻¹² of the major unit → minor units, half away from zero. Call it once for a line, on the sum. */
export const picoToMinor = (pico: bigint, currency: Currency): bigint =>
  divRound(pico, 10n ** BigInt(PICO - minorDigits(currency)))

/** n ÷ d rounded down. */
export const divFloor = (n: bigint, d: bigint): bigint => {
  const quotient = n / d
  return n % d !== 0n && n < 0n !== d < 0n ? quotient - 1n : quotient
}

/** n ÷ d rounded up. */
export const divCeil = (n: bigint, d: bigint): bigint => -divFloor(-n, d)

/** n ÷ d to the nearest, halves away from zero: 0.5 → 1, −0.5 → −1. */
export const divRound = (n: bigint, d: bigint): bigint => {
  const [top, bottom] = [n < 0n ? -n : n, d < 0n ? -d : d]
  const magnitude = (2n * top + bottom) / (2n * bottom)
  return n < 0n === d < 0n ? magnitude : -magnitude
}

/**
 * Whole parts of the exact shares `numerators[i] / denominator` (denominator > 0) that sum to `total`, by largest remainder, ties to the first:
 * customers compare an invoice from the top. `total` is the sum of the shares rounded to either side, so each part is within 1 of its share.
 */
export const apportion = (total: bigint, numerators: readonly bigint[], denominator: bigint): bigint[] => {
  const floors = numerators.map((n) => divFloor(n, denominator))
  const left = total - floors.reduce((sum, part) => sum + part, 0n)
  const rests = numerators.map((n, index) => ({ index, rest: ((n % denominator) + denominator) % denominator }))
  if (left < 0n || left > BigInt(rests.filter(({ rest }) => rest > 0n).length))
    throw new RangeError(`${total} is not the rounded sum of the ${numerators.length} shares`)
  rests.sort((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1))
  const raised = new Set(rests.slice(0, Number(left)).map(({ index }) => index))
  return floors.map((part, index) => (raised.has(index) ? part + 1n : part))
}

/**
 * Splits `total` in proportion to the weights (none negative) by largest remainder, ties to the first; the parts ALWAYS sum to the total, and
 * a part of weight 0 is 0. A negative total is split as its opposite is. When all weights are 0 (or there are none) only 0 can be split:
 * anything else throws RangeError, for there is nothing to attribute it to. Source: largest remainder (Hamilton) method.
 */
export const allocate = (total: bigint, weights: readonly bigint[]): bigint[] => {
  if (weights.some((weight) => weight < 0n)) throw new RangeError('a weight is negative')
  if (total < 0n) return allocate(-total, weights).map((part) => -part)
  const whole = weights.reduce((sum, weight) => sum + weight, 0n)
  if (whole > 0n)
    return apportion(
      total,
      weights.map((weight) => total * weight),
      whole,
    )
  if (total !== 0n) throw new RangeError(`${total} cannot be split: every weight is 0`)
  return weights.map(() => 0n)
}
