import { type Decimal12, PICO } from '../../lib/decimal.ts'
import { CYCLE_MONTHS, type Period } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { findPlanVersions, type PerMeter, type PlanVersion } from '../catalog/index.ts'
import { allowanceOf } from './allowance.ts'
import { type Part, partsOf, type SliceUse } from './rating.ts'
import { type Slice, type Span, slicesOf } from './slices.ts'
import { phasesWithin } from './store.ts'
import type { ClosedPeriod, Subscription } from './subscription.ts'

interface Totals {
  readonly apiCalls: Decimal12
  readonly computeHours: Decimal12
  readonly storageGb: Decimal12
  readonly llmCost: bigint
}

export interface UseDeps<T extends Totals> {
  totals(tenantId: string, periods: readonly Period[]): Promise<readonly T[]>
  peakMembers(tx: ControlTx, tenantId: string, period: Period): Promise<number>
}

export interface PeriodUse<T extends Totals> {
  readonly totals: T
  readonly used: PerMeter<Decimal12>
  readonly slices: readonly SliceUse[]
}

const usedOf = ({ computeHours, apiCalls, storageGb }: Totals, users: number): PerMeter<Decimal12> => ({
  compute_hours: computeHours,
  api_calls: apiCalls,
  storage_gb: storageGb,
  users: BigInt(users) * 10n ** BigInt(PICO),
})

/** The use of periods and of their slices, all of it as of one moment. A period of one slice is asked for once. */
export const loadUse =
  <T extends Totals>({ totals, peakMembers }: UseDeps<T>) =>
  async (
    tx: ControlTx,
    tenantId: string,
    wanted: readonly { readonly period: Period; readonly slices: readonly Slice[] }[],
  ): Promise<PeriodUse<T>[]> => {
    const spans = wanted.map(({ period, slices }): Period[] => (slices.length > 1 ? [period, ...slices] : [period]))
    const answers = spans.length === 0 ? [] : [...(await totals(tenantId, spans.flat()))]
    const read = async (period: Period): Promise<{ totals: T; used: PerMeter<Decimal12> }> => {
      const answer = answers.shift()
      if (!answer) throw new Error('the tenant plane answered for fewer periods than were asked for')
      return { totals: answer, used: usedOf(answer, await peakMembers(tx, tenantId, period)) }
    }
    const uses: PeriodUse<T>[] = []
    for (const { period, slices } of wanted) {
      const whole = await read(period)
      const parts: SliceUse[] = []
      for (const slice of slices) {
        const { used, totals: each } = slices.length > 1 ? await read(slice) : whole
        parts.push({ slice, used, llmCost: each.llmCost })
      }
      uses.push({ ...whole, slices: parts })
    }
    return uses
  }

export interface RatedPeriod<T extends Totals> extends PeriodUse<T> {
  readonly parts: readonly Part[]
}

/** A closed period and what the subscription was in it. */
export interface PhasedPeriod {
  readonly period: ClosedPeriod
  readonly phases: readonly Span[]
  readonly versions: ReadonlyMap<string, PlanVersion>
}

/** The use of periods, and the terms that it is priced on. */
export const ratePeriods =
  <T extends Totals>(deps: UseDeps<T>) =>
  async (tx: ControlTx, tenantId: string, timeZone: string, closed: readonly PhasedPeriod[]): Promise<RatedPeriod<T>[]> => {
    const wanted = closed.map(({ period, phases, versions }) => {
      const months = CYCLE_MONTHS[phases.at(-1)?.cycle ?? 'monthly']
      return { period, slices: slicesOf(phases, versions, period, { whole: period.whole, months, timeZone }) }
    })
    const uses = await loadUse(deps)(tx, tenantId, wanted)
    return uses.map((use, index) => {
      const of = closed[index]
      if (!of) throw new Error('more periods were rated than there are')
      const { phases, versions, period } = of
      const allowance = allowanceOf(phases, versions, period.paid, period.whole)
      const whole = { used: use.used, llmCost: use.totals.llmCost }
      return { ...use, parts: partsOf(use.slices, whole, allowance) }
    })
  }

/** Closed periods of one subscription with their use and the terms that it is priced on, in their order. */
export const loadRated =
  <T extends Totals>(deps: UseDeps<T>) =>
  async (
    tx: ControlTx,
    { id, tenantId, timeZone }: Pick<Subscription, 'id' | 'tenantId' | 'timeZone'>,
    periods: readonly ClosedPeriod[],
  ): Promise<RatedPeriod<T>[]> => {
    const closed: PhasedPeriod[] = []
    for (const period of periods) {
      const phases = await phasesWithin(tx, id, period)
      const versions = await findPlanVersions(tx, [...new Set(phases.map(({ planVersionId }) => planVersionId))])
      closed.push({ period, phases, versions })
    }
    return ratePeriods(deps)(tx, tenantId, timeZone, closed)
  }
