import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { unprocessable } from '../../platform/errors.ts'
import { MAX_COST } from './limiter/decision.ts'
import type { Policy } from './limiter/policy.ts'

/** What a request says of its cost: a count for most limits, money for limits of spend. */
export interface StatedCost {
  readonly cost?: number | undefined
  readonly amount?: string | undefined
}

/** Whether its amounts are money, in 10^-12 of the major unit, and not counts. */
export const countsMoney = ({ algorithm }: Policy): boolean => algorithm === 'COST_BASED'

const picoOf = (amount: string): number => {
  const pico = parseDecimal(amount)
  if (pico > BigInt(MAX_COST))
    throw unprocessable(
      'amount_too_large',
      `amount is ${amount}; one request may cost ${formatDecimal(BigInt(MAX_COST))} at most`,
    )
  return Number(pico)
}

/**
 * The cost in the policy's own unit: 1, or `cost`, of a count; `amount` of money. A limit of spend that nobody named is only looked at where
 * the request names no amount. Throws 422 `amount_missing`, `amount_too_large`.
 */
export const costOf = (policy: Policy, { cost, amount }: StatedCost, named: boolean): number => {
  if (!countsMoney(policy)) return cost ?? 1
  if (amount !== undefined) return picoOf(amount)
  if (named && cost !== 0) throw unprocessable('amount_missing', 'the limit counts money; send amount, what the request costs')
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
