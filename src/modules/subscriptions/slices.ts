import { type Period, periodByIndex } from '../../lib/period.ts'
import type { PlanVersion } from '../catalog/index.ts'
import { isBefore, later, type Phase } from './subscription.ts'

export type Span = Pick<Phase, 'planVersionId' | 'cycle' | 'startsAt' | 'endsAt'>

/** A piece of a period: within one of its months, on one version. */
export interface Slice extends Period {
  readonly version: PlanVersion
  readonly month: Period
}

/** A period as it was planned, of which a part may have run. */
export interface Planned {
  readonly whole: Period
  /** How many months `whole` has; a trial counts as one, whatever its length. */
  readonly months: number
  readonly timeZone: string
}

export const versionOf = (versions: ReadonlyMap<string, PlanVersion>, id: string): PlanVersion => {
  const version = versions.get(id)
  if (!version) throw new Error(`the plan version ${id} of a phase was not loaded`)
  return version
}

/** The months count from the period's start: how far its anchor is from it does not matter. */
const monthsOf = ({ whole, months, timeZone }: Planned): Period[] => {
  const startOf = (month: number) => periodByIndex({ anchor: whole.start, timeZone, cycle: 'monthly' }, month).start
  return Array.from({ length: months }, (_, month) => ({
    start: startOf(month),
    end: month === months - 1 ? whole.end : startOf(month + 1),
  }))
}

const common = (a: Period, b: Period): Period => ({
  start: later(a.start, b.start),
  end: isBefore(a.end, b.end) ? a.end : b.end,
})

/** The slices of what ran of a period, first to last; they tile it. */
export const slicesOf = (
  phases: readonly Span[],
  versions: ReadonlyMap<string, PlanVersion>,
  ran: Period,
  planned: Planned,
): Slice[] =>
  monthsOf(planned).flatMap((month) => {
    const within = common(month, ran)
    return phases
      .map(({ planVersionId, startsAt, endsAt }) => ({
        ...common(within, { start: startsAt, end: endsAt ?? within.end }),
        version: versionOf(versions, planVersionId),
        month,
      }))
      .filter(({ start, end }) => isBefore(start, end))
  })
