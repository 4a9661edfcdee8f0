import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDecimal } from './decimal.ts'
import {
  allocate,
  apportion,
  divCeil,
  divFloor,
  divRound,
  formatAmount,
  isCurrency,
  minorDigits,
  parseAmount,
  picoToMinor,
} from './money.ts'

const sum = (parts: readonly bigint[]): bigint => parts.reduce((all, part) => all + part, 0n)
const abs = (n: bigint): bigint => (n < 0n ? -n : n)
const amount = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n })
const divisor = fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }).filter((d) => d !== 0n)

// ISO 4217 list one, column "Mnr unts".
test.each([
  ['USD', 2],
  ['EUR', 2],
  ['HUF', 2],
  ['JPY', 0],
  ['KRW', 0],
  ['ISK', 0],
  ['KWD', 3],
  ['TND', 3],
])('%s has %i minor digits', (currency, digits) => {
  expect(minorDigits(currency)).toBe(digits)
})

test('every currency of the table is one that the platform knows too', () => {
  const known = Intl.supportedValuesOf('currency').filter(isCurrency)
  expect(known.length).toBeGreaterThan(150)
  expect(['XXX', 'DEM', 'usd', 'US', '', 'USDT'].filter(isCurrency)).toEqual([])
  expect(() => minorDigits('XXX')).toThrow(RangeError)
})

test('amounts are read and written with the digits of the currency', () => {
  expect(parseAmount('12.34', 'USD')).toBe(1234n)
  expect(parseAmount('12', 'USD')).toBe(1200n)
  expect(parseAmount('-0.05', 'USD')).toBe(-5n)
  expect(parseAmount('1001', 'JPY')).toBe(1001n)
  expect(parseAmount('1.234', 'KWD')).toBe(1234n)
  expect(formatAmount(-5n, 'USD')).toBe('-0.05')
  expect(formatAmount(1200n, 'USD')).toBe('12.00')
  expect(formatAmount(1001n, 'JPY')).toBe('1001')
  expect(formatAmount(1n, 'KWD')).toBe('0.001')
})

test.each([
  ['12.345', 'USD', 'too_precise'],
  ['1.5', 'JPY', 'too_precise'],
  ['1e3', 'USD', 'malformed'],
  ['NaN', 'USD', 'malformed'],
  ['1000000000000000', 'USD', 'too_large'],
])('%s %s is refused as %s', (text, currency, code) => {
  expect(() => parseAmount(text, currency)).toThrow(expect.objectContaining({ code }))
})

test.each([
  ['1.23556789', 'USD', '1.24'], // billing.json rounding-01: openmeterio/openmeter pkg/currencyx/currency_test.go
  ['1.9556789', 'JPY', '2'], // rounding-02, same source
  ['1.23456789', 'JPY', '1'], // rounding-03, same source
  ['1000.5', 'JPY', '1001'], // rounding-07: flexprice/flexprice internal/types/currency_rounding_test.go
  ['0.005', 'USD', '0.01'], // rounding-08, same source
  ['0.014', 'USD', '0.01'], // rounding-10, same source
  ['-0.005', 'USD', '-0.01'],
])('%s %s costs %s', (exact, currency, rounded) => {
  expect(formatAmount(picoToMinor(parseDecimal(exact), currency), currency)).toBe(rounded)
})

test.each([
  [1n, 2n, 1n], // billing.json rounding-11: polarsource/polar server/tests/kit/test_math.py, 0.5
  [-1n, 2n, -1n], // rounding-12, −0.5
  [465n, 2n, 233n], // rounding-13, 232.5
  [1n, -2n, -1n],
  [-1n, -2n, 1n],
  [1n, 3n, 0n],
  [2n, 3n, 1n],
])('%d / %d rounds to %d', (n, d, expected) => {
  expect(divRound(n, d)).toBe(expected)
})

test('floor and ceiling hold the quotient between them, and the rounded one is no farther than half', () => {
  fc.assert(
    fc.property(amount, divisor, (n, d) => {
      const [floor, ceil, round] = [divFloor(n, d), divCeil(n, d), divRound(n, d)]
      expect(d > 0n ? floor * d <= n : floor * d >= n).toBe(true)
      expect(d > 0n ? ceil * d >= n : ceil * d <= n).toBe(true)
      expect(ceil - floor).toBe(n % d === 0n ? 0n : 1n)
      expect(2n * abs(round * d - n) <= abs(d)).toBe(true)
      expect(divRound(-n, d)).toBe(-round)
    }),
  )
})

test.each([
  [10000n, [1n, 2n, 3n], [1667n, 3333n, 5000n]], // billing.json allocation-02: openmeterio/openmeter pkg/currencyx/allocation_test.go
  [5n, [1n, 1n, 1n], [2n, 2n, 1n]], // allocation-03, same source
  [-5n, [1n, 1n, 1n], [-2n, -2n, -1n]],
  [7n, [0n, 1n, 0n], [0n, 7n, 0n]],
  [0n, [0n, 0n], [0n, 0n]],
  [0n, [], []],
])('%d over %o gives %o', (total, weights, parts) => {
  expect(allocate(total, weights)).toEqual(parts)
})

test('nothing can be split over no weight, and no weight is negative', () => {
  expect(() => allocate(1n, [0n, 0n])).toThrow(RangeError)
  expect(() => allocate(1n, [])).toThrow(RangeError)
  expect(() => allocate(1n, [2n, -1n])).toThrow(RangeError)
})

test('parts sum to the total, are each within one of their share, and a weight of 0 gets 0', () => {
  const weights = fc
    .array(fc.bigInt({ min: 0n, max: 10n ** 20n }), { minLength: 1, maxLength: 30, size: 'max' })
    .filter((w) => sum(w) > 0n)
  fc.assert(
    fc.property(amount, weights, (total, given) => {
      const parts = allocate(total, given)
      const whole = sum(given)
      expect(sum(parts)).toBe(total)
      for (const [index, weight] of given.entries()) {
        const part = parts[index] ?? 0n
        expect(abs(part * whole - total * weight) < whole).toBe(true)
        if (weight === 0n) expect(part).toBe(0n)
      }
    }),
  )
})

test('equal weights differ by at most one and the first get the more', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.integer({ min: 1, max: 50 }), (total, n) => {
      const parts = allocate(total, new Array<bigint>(n).fill(1n))
      const extra = Number(total % BigInt(n))
      expect(parts).toEqual(parts.map((_, index) => total / BigInt(n) + (index < extra ? 1n : 0n)))
    }),
  )
})

test('a total that is not the rounded sum of the shares is refused', () => {
  expect(apportion(1n, [50n, 50n], 100n)).toEqual([1n, 0n])
  expect(() => apportion(3n, [50n, 50n], 100n)).toThrow(RangeError)
  expect(() => apportion(-1n, [50n, 50n], 100n)).toThrow(RangeError)
})
