import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { unprocessable } from '../../platform/errors.ts'
import { MAX_COST } from './limiter/decision.ts'
import type { Policy } from './limiter/policy.ts'

/** What a request costs: a count for most limits; for limits of spend money, in 10^-12 of the major unit. */
export interface RequestCost {
  readonly cost?: number | undefined
  readonly spend?: bigint | undefined
}

/** Whether its amounts are money, in 10^-12 of the major unit, and not counts. */
export const countsMoney = ({ algorithm }: Policy): boolean => algorithm === 'COST_BASED'

const countable = (spend: bigint): number => {
  if (spend > BigInt(MAX_COST))
    throw unprocessable(
      'amount_too_large',
      `amount is ${formatDecimal(spend)}; one request may cost ${formatDecimal(BigInt(MAX_COST))} at most`,
    )
  return Number(spend)
}

/**
 * The cost in the policy's own unit: 1, or `cost`, of a count; `spend` of money. A limit of spend that nobody named is only looked at where
 * the request tells no spend. Throws 422 `amount_missing`, `amount_too_large`.
 */
export const costOf = (policy: Policy, { cost, spend }: RequestCost, named: boolean): number => {
  if (!countsMoney(policy)) return cost ?? 1
  if (spend !== undefined) return countable(spend)
  if (named && cost !== 0)
    throw unprocessable('amount_missing', 'the limit counts money; send amount, what the request costs, or usage, to be priced')
  return 0
}

/** A count as it is; an amount of 10^-12 as a decimal. */
export const amountOf = (policy: Policy, value: number): number | string =>
  countsMoney(policy) ? formatDecimal(BigInt(value)) : value

/** The most that a policy ever lets be taken at once. */
export const ceilingOf = (policy: Policy): number | string => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW':
    case 'SLIDING_WINDOW':
      return policy.limit
    case 'TOKEN_BUCKET':
    case 'LEAKY_BUCKET':
      return policy.capacity
    case 'COST_BASED':
      return formatDecimal(parseDecimal(policy.limit))
    default:
      throw policy satisfies never
  }
}

/** What is not left of it; null: there is more money left than a number holds exactly. */
export const usedOf = (policy: Policy, remaining: number): number | string | null => {
  const ceiling = ceilingOf(policy)
  if (typeof ceiling === 'number') return ceiling - remaining
  return remaining === Number.MAX_SAFE_INTEGER ? null : formatDecimal(parseDecimal(ceiling) - BigInt(remaining))
}
