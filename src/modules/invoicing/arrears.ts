import { type Decimal12, formatDecimal } from '../../lib/decimal.ts'
import { minorDigits, picoToMinor } from '../../lib/money.ts'
import { METERS, type Meter, type PerMeter, type PlanVersion, PRICED_PER } from '../catalog/index.ts'
import { withMarkup } from '../metering/index.ts'
import { type ClosedPeriod, overageAmount } from '../subscriptions/index.ts'
import type { Billed, BilledPeriod, Use } from './billed-period.ts'
import { type LineDraft, pieceLine } from './invoice.ts'

/** The use of a closed period as it is known now, and the terms that hold for it. */
export interface Arrears extends Use {
  readonly period: ClosedPeriod
  readonly included: PerMeter<Decimal12>
  /** The plan in force when the period ended. */
  readonly terms: PlanVersion
}

/** What arrears add to an invoice; `entry` undefined: there was nothing to bill or to note. */
export interface Settled {
  readonly lines: readonly LineDraft[]
  readonly entry: BilledPeriod | undefined
}

const NAMES: PerMeter<string> = {
  compute_hours: 'compute hours',
  api_calls: 'API calls',
  storage_gb: 'GB of storage',
  users: 'users',
}
const LLM_COST = 'llm_cost'
const USD = 'USD'

/** What the use of a period comes to: minor units by meter, and 'llm_cost' where the plan passes it through. */
const amountsOf = ({ used, included, llmCost, terms }: Arrears): Billed => ({
  ...Object.fromEntries(METERS.map((meter) => [meter, overageAmount(meter, used[meter], included[meter], terms)])),
  // Rounded once, after the markup. Costs are in US dollars: a plan in another currency does not pass them through.
  [LLM_COST]: terms.llmPassThrough && terms.currency === USD ? picoToMinor(withMarkup(llmCost, terms.llmMarkupPercent), USD) : 0n,
})

const day = (at: Temporal.Instant): string => at.toString().slice(0, 10)
const unpricedNote = (unpriced: bigint): string =>
  unpriced === 0n ? '' : `; ${unpriced} ${unpriced === 1n ? 'call has' : 'calls have'} no price yet`

const overageLine = (meter: Meter, amount: bigint, { used, included, terms, period }: Arrears): LineDraft => {
  const quantity = used[meter] - included[meter]
  return {
    kind: 'overage',
    meter,
    description: `${formatDecimal(quantity)} ${NAMES[meter]} beyond the ${formatDecimal(included[meter])} included`,
    quantity,
    unitPrice: (terms.overage[meter] ?? 0n) / PRICED_PER[meter],
    amount,
    period,
  }
}

const passThroughLine = (amount: bigint, { llmCost, unpriced, terms, period }: Arrears): LineDraft => {
  const markup = terms.llmMarkupPercent === '0' ? '' : ` plus ${terms.llmMarkupPercent} %`
  return {
    kind: 'pass_through',
    meter: LLM_COST,
    description: `LLM cost ${formatDecimal(llmCost)} USD${markup}${unpricedNote(unpriced)}`,
    quantity: llmCost,
    unitPrice: withMarkup(10n ** 12n, terms.llmMarkupPercent),
    amount,
    period,
  }
}

/** The lines of a period that is billed for the first time: what came to nothing has none. */
const arrearsLines = (arrears: Arrears, amounts: Billed): LineDraft[] => {
  const lines = METERS.filter((meter) => amounts[meter]).map((meter) => overageLine(meter, amounts[meter] ?? 0n, arrears))
  const cost = amounts[LLM_COST] ?? 0n
  return cost === 0n ? lines : [...lines, passThroughLine(cost, arrears)]
}

const adjustmentLines = ({ period, terms }: Arrears, differences: Billed): LineDraft[] =>
  Object.entries(differences).map(([name, amount]) => {
    const meter = METERS.find((known) => known === name)
    const what = meter ? NAMES[meter] : 'LLM cost'
    const description = `${what} of ${day(period.start)} to ${day(period.end)}, known after it was billed`
    return pieceLine({ kind: 'adjustment', meter: meter ?? LLM_COST, description, amount, period }, minorDigits(terms.currency))
  })

/**
 * Bills the use of a closed period less what live invoices billed of it before: nothing, the first time; later what came late, or was priced
 * late. What a period comes to is decided from its whole use each time, so that however often it is billed the sum is that of one bill.
 */
export const settleArrears = (arrears: Arrears, before: Billed | undefined): Settled => {
  const { period, used, llmCost, unpriced } = arrears
  const amounts = amountsOf(arrears)
  if (before === undefined)
    return { lines: arrearsLines(arrears, amounts), entry: { ...period, used, llmCost, unpriced, billed: amounts } }
  const differences = Object.fromEntries(
    Object.entries(amounts)
      .map(([meter, amount]) => [meter, amount - (before[meter] ?? 0n)] as const)
      .filter(([, difference]) => difference !== 0n),
  )
  if (Object.keys(differences).length === 0) return { lines: [], entry: undefined }
  return { lines: adjustmentLines(arrears, differences), entry: { ...period, used, llmCost, unpriced, billed: differences } }
}
