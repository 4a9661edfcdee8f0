import { type Decimal12, parseDecimal } from '../../lib/decimal.ts'
import { parseAmount } from '../../lib/money.ts'
import type { PerMeter, PlanTerms, Tier } from './plan.ts'

export interface TierPlan {
  readonly code: string
  readonly name: string
  readonly tier: Tier
  readonly terms: PlanTerms
}

const CURRENCY = 'USD'

const meters = <T>([compute_hours, api_calls, storage_gb, users]: readonly [T, T, T, T]): PerMeter<T> => ({
  compute_hours,
  api_calls,
  storage_gb,
  users,
})

const plan = (
  tier: Tier,
  price: string,
  included: readonly [string, string, string, string],
  overage: readonly [string, string, string, string] | undefined,
  apiCallsPerMinute: number,
  concurrentAgents: number,
): TierPlan => ({
  code: tier.toLowerCase(),
  name: `${tier.charAt(0)}${tier.slice(1).toLowerCase()}`,
  tier,
  terms: {
    currency: CURRENCY,
    monthlyPrice: parseAmount(price, CURRENCY),
    included: decimals(meters(included)),
    overage: overage ? decimals(meters(overage)) : meters([null, null, null, null]),
    hardStop: overage === undefined,
    apiCallsPerMinute,
    concurrentAgents,
    llmPassThrough: false,
    llmMarkupPercent: '0',
    trialDays: 0,
  },
})

const decimals = (texts: PerMeter<string>): PerMeter<Decimal12> => ({
  compute_hours: parseDecimal(texts.compute_hours),
  api_calls: parseDecimal(texts.api_calls),
  storage_gb: parseDecimal(texts.storage_gb),
  users: parseDecimal(texts.users),
})

/** Price a month; included, then overage of: compute hour, (1,000) API calls, GB, user; API calls a minute; concurrent agents. */
export const TIER_PLANS: readonly TierPlan[] = [
  plan('FREE', '0', ['10', '1000', '1', '1'], undefined, 10, 1),
  plan('STARTER', '29.99', ['100', '10000', '10', '3'], ['0.50', '0.10', '0.20', '10'], 100, 3),
  plan('PRO', '99.99', ['500', '100000', '100', '10'], ['0.40', '0.08', '0.15', '8'], 1_000, 10),
  plan('BUSINESS', '299.99', ['2000', '1000000', '500', '50'], ['0.30', '0.05', '0.10', '5'], 5_000, 50),
  plan('ENTERPRISE', '999.99', ['10000', '10000000', '2000', '999'], ['0.20', '0.03', '0.05', '3'], 99_999, 999),
]
