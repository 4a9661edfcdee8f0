import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DecimalError, formatDecimal, PICO, parseDecimal } from './decimal.ts'

test('a decimal is read to its last digit', () => {
  expect(parseDecimal('0.0302')).toBe(30_200_000_000n)
  expect(parseDecimal('-1.5')).toBe(-1_500_000_000_000n)
  expect(parseDecimal('0.000000000001')).toBe(1n)
  expect(parseDecimal('-0')).toBe(0n)
  expect(parseDecimal('12', 0)).toBe(12n)
  expect(parseDecimal('99999999999999999999999999.999999999999')).toBe(10n ** 38n - 1n)
})

test.each(['', ' 1', '1 ', '+1', '.5', '1.', '1e3', 'NaN', 'Infinity', '0x10', '1,5', '1_000', '--1', '007', '١', '1\n'])(
  '%j is refused as malformed',
  (text) => {
    expect(() => parseDecimal(text)).toThrow(expect.objectContaining({ name: 'DecimalError', code: 'malformed' }))
  },
)

test('digits are refused, never rounded away', () => {
  expect(() => parseDecimal('0.1234567890123')).toThrow(expect.objectContaining({ code: 'too_precise' }))
  expect(() => parseDecimal('1.0', 0)).toThrow(DecimalError)
})

test('more digits than numeric(38,12) holds are refused, a megabyte of them at once', () => {
  expect(() => parseDecimal('1'.repeat(27))).toThrow(expect.objectContaining({ code: 'too_large' }))
  expect(() => parseDecimal('9'.repeat(1_000_000))).toThrow(expect.objectContaining({ code: 'too_large' }))
})

test('zeros at the end are left off, down to the digits asked for', () => {
  expect(formatDecimal(30_200_000_000n)).toBe('0.0302')
  expect(formatDecimal(5_000_000_000_000n)).toBe('5')
  expect(formatDecimal(5_000_000_000_000n, PICO, { minFraction: 2 })).toBe('5.00')
  expect(formatDecimal(13_317_500_000n, PICO, { minFraction: PICO })).toBe('0.013317500000')
  expect(formatDecimal(-1n)).toBe('-0.000000000001')
  expect(formatDecimal(-5n, 0)).toBe('-5')
})

test('what is written is read back, at every scale', () => {
  const value = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })
  fc.assert(
    fc.property(value, fc.integer({ min: 0, max: 18 }), fc.integer({ min: 0, max: 18 }), (n, scale, minFraction) => {
      expect(parseDecimal(formatDecimal(n, scale, { minFraction: Math.min(minFraction, scale) }), scale)).toBe(n)
    }),
  )
})
