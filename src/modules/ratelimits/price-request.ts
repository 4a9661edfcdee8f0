import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { Clock } from '../../platform/clock.ts'
import { unprocessable } from '../../platform/errors.ts'
import type { PriceUse } from '../metering/index.ts'
import type { Applicable } from './applicable.ts'
import type { NamedLimit, StatedCost } from './check-input.ts'
import { costOf, countsMoney, type RequestCost } from './cost.ts'

/** What a request is to one limit. */
export interface LimitCost {
  /** What it takes, in the limit's own unit. */
  readonly cost: number
  /** Of a limit of spend: what the request costs, a decimal, whether or not it is taken; undefined where nobody told. */
  readonly amount?: string | undefined
}

export interface PricingDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly priceUse: PriceUse
}

/**
 * What a request costs each limit: what is told of a limit counts before what is told of the request, and usage is priced at the
 * instant of the check. Without `wanted` no limit is named. A peek costs nothing.
 * Throws 422 `amount_and_usage`, `model_unpriced`, `cached_exceeds_input`, `reasoning_exceeds_output`; what it answers throws what
 * `costOf` does.
 */
export const pricing = ({ clock, priceUse }: PricingDeps) => {
  const priced = async ({ cost, amount, usage }: StatedCost, at: Temporal.Instant): Promise<RequestCost> => {
    if (amount !== undefined && usage)
      throw unprocessable('amount_and_usage', 'amount is what it costs, and usage is priced; send one of them')
    if (usage) return { cost, spend: await priceUse(usage, at) }
    return { cost, spend: amount === undefined ? undefined : parseDecimal(amount) }
  }

  return async (
    request: StatedCost & { readonly peek?: boolean | undefined },
    wanted: readonly NamedLimit[] | undefined,
  ): Promise<(one: Applicable) => LimitCost> => {
    const at = clock.now()
    const whole = await priced(request, at)
    const own = new Map<string, RequestCost>()
    for (const one of wanted ?? []) own.set(one.limitId, await priced(one, at))
    return ({ limit, policy }) => {
      const { cost = whole.cost, spend = whole.spend } = own.get(limit.id) ?? {}
      return {
        cost: request.peek ? 0 : costOf(policy, { cost, spend }, wanted !== undefined),
        amount: countsMoney(policy) && spend !== undefined ? formatDecimal(spend) : undefined,
      }
    }
  }
}
