import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { type Decimal12, formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { Period } from '../../lib/period.ts'
import { type PerMeter, perMeter } from '../catalog/index.ts'
import type { ClosedPeriod } from '../subscriptions/index.ts'

/** Minor units by meter, 'llm_cost' for pass-through. */
export type Billed = Readonly<Record<string, bigint>>

/** What was used in a closed period. */
export interface Use {
  readonly used: PerMeter<Decimal12>
  /** US dollars × 10¹². */
  readonly llmCost: bigint
  /** Calls whose model has no price yet: their cost comes with a later invoice. */
  readonly unpriced: bigint
}

/** What one invoice bills of one closed period. Summed over the invoices that count, it is all that was billed of that period. */
export interface BilledPeriod extends ClosedPeriod, Use {
  readonly billed: Billed
}

const Span = Type.Object({ start: Type.String(), end: Type.String() })
const Texts = Type.Record(Type.String(), Type.String())
const Stored = Type.Array(
  Type.Object({
    index: Type.Integer(),
    start: Type.String(),
    end: Type.String(),
    paid: Span,
    whole: Span,
    used: Texts,
    llm_cost: Type.String(),
    unpriced: Type.String(),
    billed: Texts,
  }),
)

const span = ({ start, end }: Static<typeof Span>): Period => ({
  start: Temporal.Instant.from(start),
  end: Temporal.Instant.from(end),
})
const spanText = ({ start, end }: Period): Static<typeof Span> => ({ start: start.toString(), end: end.toString() })

export const readBilled = (json: unknown): BilledPeriod[] =>
  Value.Parse(Stored, json).map(({ index, start, end, paid, whole, used, llm_cost, unpriced, billed }) => ({
    index,
    ...span({ start, end }),
    paid: span(paid),
    whole: span(whole),
    used: perMeter((meter) => parseDecimal(used[meter] ?? '0')),
    llmCost: parseDecimal(llm_cost),
    unpriced: BigInt(unpriced),
    billed: Object.fromEntries(Object.entries(billed).map(([meter, amount]) => [meter, BigInt(amount)])),
  }))

export const writeBilled = (periods: readonly BilledPeriod[]): Static<typeof Stored> =>
  periods.map(({ index, paid, whole, used, llmCost, unpriced, billed, ...period }) => ({
    index,
    ...spanText(period),
    paid: spanText(paid),
    whole: spanText(whole),
    used: perMeter((meter) => formatDecimal(used[meter])),
    llm_cost: formatDecimal(llmCost),
    unpriced: String(unpriced),
    billed: Object.fromEntries(Object.entries(billed).map(([meter, amount]) => [meter, String(amount)])),
  }))

const keyOf = ({ start, end }: Period): string => `${start} ${end}`
export const samePeriod = (a: Period, b: Period): boolean => keyOf(a) === keyOf(b)

/** All that was billed of each closed period, first to last. */
export const sumBilled = (entries: readonly BilledPeriod[]): BilledPeriod[] =>
  [...Map.groupBy(entries, keyOf).values()]
    .flatMap((group) => {
      const latest = group.at(-1)
      const meters = new Set(group.flatMap(({ billed }) => Object.keys(billed)))
      const sum = (meter: string): bigint => group.reduce((total, { billed }) => total + (billed[meter] ?? 0n), 0n)
      return latest ? [{ ...latest, billed: Object.fromEntries([...meters].map((meter) => [meter, sum(meter)])) }] : []
    })
    .sort((a, b) => Temporal.Instant.compare(a.start, b.start))
