import { type Decimal12, formatDecimal } from '../../lib/decimal.ts'
import { picoToMinor } from '../../lib/money.ts'
import type { Period } from '../../lib/period.ts'
import { METERS, type Meter, type PerMeter, type PlanVersion, PRICED_PER } from '../catalog/index.ts'
import { withMarkup } from '../metering/index.ts'
import { overageAmount } from '../subscriptions/index.ts'
import type { Billed, LineDraft } from './invoice.ts'

/** The use of a closed period and the terms that hold for it. */
export interface Arrears {
  readonly period: Period
  readonly used: PerMeter<Decimal12>
  readonly included: PerMeter<Decimal12>
  /** US dollars × 10¹². */
  readonly llmCost: bigint
  /** The plan in force when the period ended. */
  readonly terms: PlanVersion
}

const NAMES: PerMeter<string> = {
  compute_hours: 'compute hours',
  api_calls: 'API calls',
  storage_gb: 'GB storage',
  users: 'users',
}
const USD = 'USD'

/** What the use of a period comes to: minor units by meter, and 'llm_cost' where the plan passes it through. */
export const amountsOf = ({ used, included, llmCost, terms }: Arrears): Billed => ({
  ...Object.fromEntries(METERS.map((meter) => [meter, overageAmount(meter, used[meter], included[meter], terms)])),
  // Rounded once, after the markup. Costs are in US dollars: a plan in another currency does not pass them through.
  llm_cost: terms.llmPassThrough && terms.currency === USD ? picoToMinor(withMarkup(llmCost, terms.llmMarkupPercent), USD) : 0n,
})

const day = (at: Temporal.Instant): string => at.toString().slice(0, 10)

const overageLine = (meter: Meter, amount: bigint, { used, included, terms, period }: Arrears): LineDraft => {
  const over = used[meter] - included[meter]
  const per = PRICED_PER[meter]
  return {
    kind: 'overage',
    meter,
    description: `${formatDecimal(over)} ${NAMES[meter]} beyond the ${formatDecimal(included[meter])} included`,
    quantity: over,
    unitPrice: (terms.overage[meter] ?? 0n) / per,
    amount,
    period,
  }
}

const passThroughLine = (amount: bigint, { llmCost, terms, period }: Arrears): LineDraft => ({
  kind: 'pass_through',
  meter: 'llm_cost',
  description: `LLM cost ${formatDecimal(llmCost)} USD${terms.llmMarkupPercent === '0' ? '' : ` plus ${terms.llmMarkupPercent} %`}`,
  quantity: llmCost,
  unitPrice: 10n ** 12n,
  amount,
  period,
})

/** The lines of a period that is billed for the first time: what came to nothing has none. */
export const arrearsLines = (arrears: Arrears): LineDraft[] => {
  const amounts = amountsOf(arrears)
  const lines = METERS.filter((meter) => amounts[meter] !== 0n).map((meter) => overageLine(meter, amounts[meter] ?? 0n, arrears))
  const cost = amounts.llm_cost ?? 0n
  return cost === 0n ? lines : [...lines, passThroughLine(cost, arrears)]
}

/**
 * What the use of an earlier period comes to now less what was billed for it: late events, and costs that were priced later. Every
 * event is thus billed once, with its period or as an adjustment.
 */
export const adjustmentLines = (arrears: Arrears, billed: Billed): LineDraft[] => {
  const { start, end } = arrears.period
  return Object.entries(amountsOf(arrears)).flatMap(([meter, amount]): LineDraft[] => {
    const difference = amount - (billed[meter] ?? 0n)
    if (difference === 0n) return []
    const known = METERS.find((name) => name === meter)
    return [
      {
        kind: 'adjustment',
        meter: known ?? 'llm_cost',
        description: `${known ? NAMES[known] : 'LLM cost'} of ${day(start)} to ${day(end)}, recorded late`,
        quantity: 10n ** 12n,
        unitPrice: 0n,
        amount: difference,
        period: arrears.period,
      },
    ]
  })
}
