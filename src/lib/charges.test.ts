import fc from 'fast-check'
import { expect, test } from 'vitest'
import { overageCharge } from './charges.ts'
import { formatDecimal, parseDecimal } from './decimal.ts'
import { formatAmount } from './money.ts'

interface Case {
  used: string
  included: string
  price: string
  per: bigint
  billable: string
  amount: string
  currency?: string
}

const CASES: readonly Case[] = [
  { used: '100', included: '100', price: '0.50', per: 1n, billable: '0', amount: '0.00' },
  { used: '99.5', included: '100', price: '0.50', per: 1n, billable: '0', amount: '0.00' },
  { used: '101.25', included: '100', price: '0.50', per: 1n, billable: '1.25', amount: '0.63' }, // 0.625: half away from zero
  { used: '10001', included: '10000', price: '0.10', per: 1000n, billable: '1', amount: '0.00' },
  { used: '10050', included: '10000', price: '0.10', per: 1000n, billable: '50', amount: '0.01' }, // 0.005
  { used: '34567', included: '10000', price: '0.10', per: 1000n, billable: '24567', amount: '2.46' },
  { used: '10.000000000001', included: '10', price: '0.20', per: 1n, billable: '0.000000000001', amount: '0.00' },
  { used: '5', included: '3', price: '10', per: 1n, billable: '2', amount: '20.00' },
  { used: '1001', included: '0', price: '1000.5', per: 1001n, billable: '1001', amount: '1001', currency: 'JPY' },
  // billing.json package-01, -02, -05: getlago/lago-api package_service_spec.rb charges each started package, 1300 and 1200;
  // ours is pro rata: 121 units at 100 per 10 are 1210, less 10 free units 1110. A whole package (OpenMeter package_test.go) agrees: 15.
  { used: '121', included: '0', price: '100', per: 10n, billable: '121', amount: '1210.00' },
  { used: '121', included: '10', price: '100', per: 10n, billable: '111', amount: '1110.00' },
  { used: '10', included: '0', price: '15', per: 10n, billable: '10', amount: '15.00' },
]

test.each(CASES)('$used used of $included at $price per $per costs $amount', (c) => {
  const currency = c.currency ?? 'USD'
  const charge = overageCharge({
    quantity: parseDecimal(c.used),
    included: parseDecimal(c.included),
    unitPrice: parseDecimal(c.price),
    per: c.per,
    currency,
  })
  expect(formatDecimal(charge.billable)).toBe(c.billable)
  expect(formatAmount(charge.amountMinor, currency)).toBe(c.amount)
})

test('a price per nothing is refused', () => {
  expect(() => overageCharge({ quantity: 1n, included: 0n, unitPrice: 1n, per: 0n, currency: 'USD' })).toThrow(RangeError)
})

test('more use never costs less, and the allowance is free', () => {
  const pico = fc.bigInt({ min: 0n, max: 10n ** 20n })
  fc.assert(
    fc.property(pico, pico, pico, fc.bigInt({ min: 1n, max: 10n ** 6n }), (quantity, included, unitPrice, per) => {
      const cost = (used: bigint): bigint =>
        overageCharge({ quantity: used, included, unitPrice, per, currency: 'USD' }).amountMinor
      expect(cost(included)).toBe(0n)
      expect(cost(quantity + 1n) >= cost(quantity)).toBe(true)
    }),
  )
})
