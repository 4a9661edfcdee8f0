import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withMarkup } from './markup.ts'
import { costOf } from './price.ts'
import { perMillion } from './seed.ts'
import { completeUsage } from './usage.ts'

test('30 percent on 0.20 USD is 0.26 USD', () => {
  // billing.json llm_cost-11: useautumn/autumn:server/tests/integration/balances/track/basic/track-tokens-tiered.test.ts
  const cost = costOf(completeUsage({ inputTokens: 10_000, outputTokens: 5_000 }), {
    input: perMillion('10'),
    output: perMillion('20'),
  })
  expect(withMarkup(cost, '30')).toBe(260_000_000_000n)
})

test.each([
  [1n, '50', 2n],
  [1n, '49.999', 1n],
  [3n, '-50', 2n],
  [-1n, '50', -2n],
  [7n, '-100', 0n],
  [10n ** 30n, '0.000001', 10n ** 30n + 10n ** 22n],
])('%d pico with %s percent is %d: rounded once, halves away from zero', (pico, percent, expected) => {
  expect(withMarkup(pico, percent)).toBe(expected)
})

test('no markup changes nothing, and more markup never costs less', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 30n), fc.nat(100_000), fc.nat(100_000), (pico, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)].map((n) => withMarkup(pico, `${n}`))
      return withMarkup(pico, '0.00') === pico && low !== undefined && high !== undefined && low <= high
    }),
  )
})

test('a markup that is no decimal, or makes the price negative, is refused', () => {
  for (const bad of ['', '30%', 'ten', '1,5', 'NaN', '-100.01']) expect(() => withMarkup(1n, bad)).toThrow(RangeError)
})
