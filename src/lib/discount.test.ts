import fc from 'fast-check'
import { expect, test } from 'vitest'
import { distributeDiscount } from './discount.ts'

test.each([
  [[10000n, 5000n, 3000n, 2000n], 1000n, [500n, 250n, 150n, 100n]], // billing.json coupon_tax-01: getlago/lago-api taxes_on_invoice_spec.rb
  [[1000n, 1000n], 1500n, [750n, 750n]], // coupon-06: polarsource/polar server/tests/discount/test_model.py
  [[300n, 1200n], 750n, [150n, 600n]], // coupon-07, same source
  [[100n, 200n], 100n, [33n, 67n]], // coupon-09, same source
  [[300n], 12n, [12n]], // coupon-01: getlago/lago-api applied_coupons/amount_service_spec.rb
  [[300n, 200n], 900n, [300n, 200n]], // coupon_tax-02: a coupon larger than the fees leaves nothing to tax
  [[1000n, -400n], 500n, [500n, 0n]],
  [[0n, 0n], 500n, [0n, 0n]],
  [[], 500n, []],
])('over %o a discount of %d is taken off as %o', (amounts, discount, shares) => {
  expect(distributeDiscount(amounts, discount)).toEqual(shares)
})

test('a negative discount is refused', () => {
  expect(() => distributeDiscount([100n], -1n)).toThrow(RangeError)
})

test('no line goes below zero and the shares sum to the discount or to all there is', () => {
  const amounts = fc.array(fc.bigInt({ min: -(10n ** 9n), max: 10n ** 12n }), { maxLength: 30, size: 'max' })
  fc.assert(
    fc.property(amounts, fc.bigInt({ min: 0n, max: 10n ** 13n }), (given, discount) => {
      const shares = distributeDiscount(given, discount)
      const most: bigint = given.reduce((all, amount) => all + (amount > 0n ? amount : 0n), 0n)
      const off = shares.reduce((all, share) => all + share, 0n)
      if (discount < most) expect(off).toBe(discount)
      else expect(off).toBe(most)
      for (const [index, amount] of given.entries()) {
        const share = shares[index] ?? -1n
        expect(share >= 0n && share <= (amount > 0n ? amount : 0n)).toBe(true)
      }
    }),
  )
})
