import fc from 'fast-check'
import { expect, test } from 'vitest'
import { distributeDiscount } from './discount.ts'
import { taxOn } from './tax.ts'

const sum = (parts: readonly bigint[]): bigint => parts.reduce((all, part) => all + part, 0n)

test.each([
  [[9500n], '10', [950n]], // billing.json coupon_tax-01: getlago/lago-api taxes_on_invoice_spec.rb, net of the coupon, one row a rate
  [[4750n], '0', [0n]],
  [[2850n, 1900n], '20', [570n, 380n]],
  [[100n], '0.1', [0n]], // tax_rounding-05: flexprice/flexprice internal/ee/service/tax_rounding_test.go, 1.00 USD
  [[9999n], '8.875', [887n]], // tax_rounding-06, same source: three taxes are each rounded, then added to 11.49
  [[9999n], '2.125', [212n]],
  [[9999n], '0.5', [50n]],
  [[1000n], '20', [200n]], // tax_inclusive-02: polarsource/polar tax-inclusive-pricing.mdx, exclusive
  [[10000n, -4000n], '10', [1000n, -400n]],
  [[-5n], '10', [-1n]], // a credit rounds as a charge does: away from zero
  [[], '20', []],
])('on %o at %s per cent the tax is %o', (net, ratePct, perLine) => {
  expect(taxOn(net, ratePct)).toEqual({ perLine, total: sum(perLine) })
})

test("the invoice's tax is the rounding of the exact sum, not the sum of rounded lines", () => {
  // Each line's tax is 0.4: rounded alone they would sum to 0; the sum is 2.0.
  expect(taxOn([4n, 4n, 4n, 4n, 4n], '10')).toEqual({ perLine: [1n, 1n, 0n, 0n, 0n], total: 2n })
  // Each is 0.5: rounded alone they would sum to 4.
  expect(taxOn([5n, 5n, 5n, 5n], '10')).toEqual({ perLine: [1n, 1n, 0n, 0n], total: 2n })
})

test('three coupons and two rates come to 183.90 where unrounded nets give 183.89', () => {
  // billing.json coupon_tax-03: getlago/lago-api coupons_breakdown_spec.rb. Lago keeps fractions of a cent after the coupons (exact tax 1889.41,
  // rounded to 1889). Ours rounds once a step: nets are whole cents, and each rate is a tax of its own that is rounded: 1411 + 479 = 1890.
  const fees = [1000n, 2000n, 3000n, 4000n, 1000n, 2000n, 3000n, 4000n]
  const off = (nets: readonly bigint[], discount: bigint, on: readonly number[]): bigint[] => {
    const shares = distributeDiscount(
      nets.map((net, index) => (on.includes(index) ? net : 0n)),
      discount,
    )
    return nets.map((net, index) => net - (shares[index] ?? 0n))
  }
  const all = fees.map((_, index) => index)
  const net = off(off(off(fees, 2000n, [0, 1]), 1000n, [4, 5, 6, 7]), 500n, all)
  expect(sum(net)).toBe(16500n)
  const at20 = taxOn(
    [1, 5].map((index) => net[index] ?? 0n),
    '20',
  )
  const at10 = taxOn(
    [0, 2, 3, 4, 6, 7].map((index) => net[index] ?? 0n),
    '10',
  )
  expect([at10.total, at20.total]).toEqual([1411n, 479n])
})

test('a rate that is no plain decimal, or negative, is refused', () => {
  expect(() => taxOn([1n], '20%')).toThrow(RangeError)
  expect(() => taxOn([1n], '-1')).toThrow(RangeError)
})

test('lines sum to the total, each within one of its exact tax, the total within half', () => {
  const net = fc.array(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), { maxLength: 40, size: 'max' })
  fc.assert(
    fc.property(net, fc.integer({ min: 0, max: 100_000 }), (amounts, milli) => {
      const { perLine, total } = taxOn(amounts, (milli / 1000).toFixed(3))
      const rate = BigInt(milli)
      const off = 2n * (total * 100_000n - sum(amounts) * rate)
      expect(sum(perLine)).toBe(total)
      expect(off >= -100_000n && off <= 100_000n).toBe(true)
      for (const [index, amount] of amounts.entries()) {
        const distance = (perLine[index] ?? 0n) * 100_000n - amount * rate
        expect(distance > -100_000n && distance <= 100_000n).toBe(true)
      }
    }),
  )
})
