import { expect, test } from 'vitest'
import { formatDecimal } from '../../lib/decimal.ts'
import { formatAmount } from '../../lib/money.ts'
import { METERS } from './plan.ts'
import { TIER_PLANS } from './tiers.ts'

// Price a month; included compute hours, API calls, storage GB, users; overage of each; API calls a minute; concurrent agents.
test.each([
  ['FREE', '0.00', ['10', '1000', '1', '1'], [null, null, null, null], 10, 1],
  ['STARTER', '29.99', ['100', '10000', '10', '3'], ['0.5', '0.1', '0.2', '10'], 100, 3],
  ['PRO', '99.99', ['500', '100000', '100', '10'], ['0.4', '0.08', '0.15', '8'], 1000, 10],
  ['BUSINESS', '299.99', ['2000', '1000000', '500', '50'], ['0.3', '0.05', '0.1', '5'], 5000, 50],
  ['ENTERPRISE', '999.99', ['10000', '10000000', '2000', '999'], ['0.2', '0.03', '0.05', '3'], 99_999, 999],
])('%s costs %s a month and includes %j, then %j', (tier, price, included, overage, callsPerMinute, agents) => {
  const plan = TIER_PLANS.find((known) => known.tier === tier)
  expect(plan?.code).toBe(tier.toLowerCase())
  const terms = plan?.terms
  expect(formatAmount(terms?.monthlyPrice ?? -1n, 'USD')).toBe(price)
  expect(METERS.map((meter) => formatDecimal(terms?.included[meter] ?? -1n))).toEqual(included)
  const beyond = METERS.map((meter) => terms?.overage[meter] ?? null)
  expect(beyond.map((unit) => (unit === null ? null : formatDecimal(unit)))).toEqual(overage)
  expect(terms).toMatchObject({
    apiCallsPerMinute: callsPerMinute,
    concurrentAgents: agents,
    hardStop: tier === 'FREE',
    trialDays: 0,
  })
})

test('there are exactly five', () => {
  expect(TIER_PLANS.map(({ name }) => name)).toEqual(['Free', 'Starter', 'Pro', 'Business', 'Enterprise'])
})
