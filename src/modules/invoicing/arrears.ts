import { formatDecimal } from '../../lib/decimal.ts'
import { minorDigits } from '../../lib/money.ts'
import { METERS, type Meter, type PerMeter, PRICED_PER } from '../catalog/index.ts'
import { withMarkup } from '../metering/index.ts'
import { amountsOf, type ClosedPeriod, isLevel, overageOf, type Part, passThroughOf } from '../subscriptions/index.ts'
import type { Billed, BilledPeriod, Use } from './billed-period.ts'
import { type LineDraft, pieceLine } from './invoice.ts'

/** The use of a closed period as it is known now, and the terms that hold for it. */
export interface Arrears extends Use {
  readonly period: ClosedPeriod
  readonly currency: string
  /** The use by the terms that held when it came, first to last. */
  readonly parts: readonly Part[]
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
const MONTHS: PerMeter<string> = { ...NAMES, storage_gb: 'GB-months of storage', users: 'user-months' }
const LLM_COST = 'llm_cost'

/** What the use of a period comes to: minor units by meter, and 'llm_cost' where a plan passes it through. */
const billedOf = ({ parts }: Arrears): Billed => {
  const { byMeter, passThrough } = amountsOf(parts)
  return { ...byMeter, [LLM_COST]: passThrough }
}

const day = (at: Temporal.Instant): string => at.toString().slice(0, 10)
const unpricedNote = (unpriced: bigint): string =>
  unpriced === 0n ? '' : `; ${unpriced} ${unpriced === 1n ? 'call has' : 'calls have'} no price yet`

/** Which plan's prices these are, where a period had several. */
const onPlan = ({ version }: Part, { parts }: Arrears): string => (parts.length > 1 ? `, on ${version.planName}` : '')

const overageLine = (meter: Meter, part: Part, arrears: Arrears): LineDraft => {
  const { version, included, beyond, countsMonths } = part
  const unit = (isLevel(meter) && countsMonths ? MONTHS : NAMES)[meter]
  return {
    kind: 'overage',
    meter,
    description: `${formatDecimal(beyond[meter])} ${unit} beyond the ${formatDecimal(included[meter])} included${onPlan(part, arrears)}`,
    quantity: beyond[meter],
    unitPrice: (version.overage[meter] ?? 0n) / PRICED_PER[meter],
    amount: overageOf(part, meter),
    period: arrears.period,
  }
}

const passThroughLine = (part: Part, arrears: Arrears): LineDraft => {
  const { version, llmCost } = part
  const markup = version.llmMarkupPercent === '0' ? '' : ` plus ${version.llmMarkupPercent} %`
  return {
    kind: 'pass_through',
    meter: LLM_COST,
    description: `LLM cost ${formatDecimal(llmCost)} USD${markup}${onPlan(part, arrears)}${unpricedNote(arrears.unpriced)}`,
    quantity: llmCost,
    unitPrice: withMarkup(10n ** 12n, version.llmMarkupPercent),
    amount: passThroughOf(part),
    period: arrears.period,
  }
}

/** The lines of a period that is billed for the first time: what came to nothing has none. */
const arrearsLines = (arrears: Arrears): LineDraft[] =>
  [
    ...METERS.flatMap((meter) => arrears.parts.map((part) => overageLine(meter, part, arrears))),
    ...arrears.parts.map((part) => passThroughLine(part, arrears)),
  ].filter(({ amount }) => amount !== 0n)

const adjustmentLines = ({ period, currency }: Arrears, differences: Billed): LineDraft[] =>
  Object.entries(differences).map(([name, amount]) => {
    const meter = METERS.find((known) => known === name)
    const what = meter ? NAMES[meter] : 'LLM cost'
    const description = `${what} of ${day(period.start)} to ${day(period.end)}, known after it was billed`
    return pieceLine({ kind: 'adjustment', meter: meter ?? LLM_COST, description, amount, period }, minorDigits(currency))
  })

/**
 * Bills the use of a closed period less what live invoices billed of it before: nothing, the first time; later what came late, or was priced
 * late. What a period comes to is decided from its whole use each time, so that however often it is billed the sum is that of one bill.
 */
export const settleArrears = (arrears: Arrears, before: Billed | undefined): Settled => {
  const { period, used, llmCost, unpriced } = arrears
  const amounts = billedOf(arrears)
  if (before === undefined)
    return { lines: arrearsLines(arrears), entry: { ...period, used, llmCost, unpriced, billed: amounts } }
  const differences = Object.fromEntries(
    Object.entries(amounts)
      .map(([meter, amount]) => [meter, amount - (before[meter] ?? 0n)] as const)
      .filter(([, difference]) => difference !== 0n),
  )
  if (Object.keys(differences).length === 0) return { lines: [], entry: undefined }
  return { lines: adjustmentLines(arrears, differences), entry: { ...period, used, llmCost, unpriced, billed: differences } }
}
