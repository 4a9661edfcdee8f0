import { overageCharge } from '../../lib/charges.ts'
import type { Decimal12 } from '../../lib/decimal.ts'
import { divRound, picoToMinor } from '../../lib/money.ts'
import { METERS, type Meter, type PerMeter, type PlanVersion, PRICED_PER, perMeter } from '../catalog/index.ts'
import { withMarkup } from '../metering/index.ts'
import type { Slice } from './slices.ts'

/** Hours and calls are sums, GB a mean, users a peak. `llmCost` is US dollars × 10¹². */
export interface Use {
  readonly used: PerMeter<Decimal12>
  readonly llmCost: bigint
}

export interface SliceUse extends Use {
  readonly slice: Slice
}

/** What of a period's use is priced on one version's terms. */
export interface Part {
  readonly version: PlanVersion
  /** Hours and calls: what the whole period includes. GB and users: what each month includes, summed. */
  readonly included: PerMeter<Decimal12>
  readonly beyond: PerMeter<Decimal12>
  readonly llmCost: bigint
  /** False: one month as a whole, so that a GB-month is a GB. */
  readonly countsMonths: boolean
}

/** Held, not used up: each month includes them anew, and what is not held in one is not there in another. */
export const isLevel = (meter: Meter): boolean => meter === 'storage_gb' || meter === 'users'

const USD = 'USD'
const max0 = (value: bigint): bigint => (value > 0n ? value : 0n)
const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)
const lengthOf = ({ start, end }: Slice['month']): bigint => end.epochNanoseconds - start.epochNanoseconds

/** A level over the slice, in units × months. */
const inMonths = (level: Decimal12, { start, end, month }: Slice): Decimal12 =>
  divRound(level * lengthOf({ start, end }), lengthOf(month))

const runsOf = (uses: readonly SliceUse[]): SliceUse[][] => {
  const runs: SliceUse[][] = []
  for (const use of uses) {
    const run = runs.at(-1)
    if (run?.[0]?.slice.version.id === use.slice.version.id) run.push(use)
    else runs.push([use])
  }
  return runs
}

/**
 * Prices use where it came: the allowance of hours and calls is used up in order of time, and what lies beyond it is priced on the terms
 * that held then; GB and users are set against each month's own. So that a change of plan in the last second reprices nothing that was
 * used before. `whole` is the use of the whole period: the parts sum to it.
 */
export const partsOf = (uses: readonly SliceUse[], whole: Use, allowance: PerMeter<Decimal12>): Part[] => {
  const runs = runsOf(uses)
  const upTo = (index: number, of: (use: Use) => bigint): bigint =>
    index === runs.length - 1 ? of(whole) : sum(runs.slice(0, index + 1).flatMap((run) => run.map(of)))
  return runs.flatMap((run, index) => {
    const version = run[0]?.slice.version
    if (!version) return []
    const levels = (of: (use: SliceUse, meter: Meter) => bigint) => (meter: Meter) =>
      sum(run.map((use) => inMonths(of(use, meter), use.slice)))
    const includedLevel = levels(({ slice }, meter) => slice.version.included[meter])
    const beyondLevel = levels(({ slice, used }, meter) => max0(used[meter] - slice.version.included[meter]))
    const beyondUpTo = (at: number, meter: Meter) => (at < 0 ? 0n : max0(upTo(at, ({ used }) => used[meter]) - allowance[meter]))
    const costUpTo = (at: number) => (at < 0 ? 0n : upTo(at, ({ llmCost }) => llmCost))
    const [only] = run
    return {
      version,
      included: perMeter((meter) => (isLevel(meter) ? includedLevel(meter) : allowance[meter])),
      beyond: perMeter((meter) =>
        isLevel(meter) ? beyondLevel(meter) : beyondUpTo(index, meter) - beyondUpTo(index - 1, meter),
      ),
      llmCost: costUpTo(index) - costUpTo(index - 1),
      countsMonths: run.length > 1 || only === undefined || lengthOf(only.slice) !== lengthOf(only.slice.month),
    }
  })
}

/** What a part's use beyond the allowance costs, minor units; 0 where the plan charges nothing for it. */
export const overageOf = ({ version: { overage, currency }, beyond }: Part, meter: Meter): bigint => {
  const unitPrice = overage[meter]
  if (unitPrice === null) return 0n
  return overageCharge({ quantity: beyond[meter], included: 0n, unitPrice, per: PRICED_PER[meter], currency }).amountMinor
}

/** LLM cost with its markup where the part's plan bills it, minor units: rounded once, after the markup. */
export const passThroughOf = ({ version, llmCost }: Part): bigint =>
  version.llmPassThrough && version.currency === USD ? picoToMinor(withMarkup(llmCost, version.llmMarkupPercent), USD) : 0n

/** What parts come to, minor units; each amount of each part is rounded once, as it is on the invoice. */
export const amountsOf = (parts: readonly Part[]) => {
  const byMeter = perMeter((meter) => sum(parts.map((part) => overageOf(part, meter))))
  return { byMeter, overage: sum(METERS.map((meter) => byMeter[meter])), passThrough: sum(parts.map(passThroughOf)) }
}
