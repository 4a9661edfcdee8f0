import type { Decimal12 } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import { CYCLE_MONTHS, type Period } from '../../lib/period.ts'
import { type PerMeter, type PlanVersion, perMeter } from '../catalog/index.ts'
import { isBefore, later, type Phase } from './subscription.ts'

type Span = Pick<Phase, 'planVersionId' | 'cycle' | 'startsAt' | 'endsAt'>

const overlap = ({ startsAt, endsAt }: Span, period: Period): bigint => {
  const start = later(startsAt, period.start)
  const end = endsAt !== null && isBefore(endsAt, period.end) ? endsAt : period.end
  return isBefore(start, end) ? end.epochNanoseconds - start.epochNanoseconds : 0n
}

const versionOf = (versions: ReadonlyMap<string, PlanVersion>, id: string): PlanVersion => {
  const version = versions.get(id)
  if (!version) throw new Error(`the plan version ${id} of a phase was not loaded`)
  return version
}

/**
 * What a period includes: each phase's allowance (a month's × months of the cycle) weighed by the time it ran, exact until one
 * rounding to 10⁻¹². The last phase counts to the period's end: what was paid stays included though the subscription ended. `whole` is what a full
 * allowance is for; `paid`, a part of it or all, what was paid for.
 */
export const allowanceOf = (
  phases: readonly Span[],
  versions: ReadonlyMap<string, PlanVersion>,
  paid: Period,
  whole: Period = paid,
): PerMeter<Decimal12> => {
  const length = whole.end.epochNanoseconds - whole.start.epochNanoseconds
  const spans = phases.map((phase, index) => (index === phases.length - 1 ? { ...phase, endsAt: null } : phase))
  return perMeter((meter) => {
    const weight = spans.reduce((sum, phase) => {
      const included = versionOf(versions, phase.planVersionId).included[meter] * BigInt(CYCLE_MONTHS[phase.cycle])
      return sum + included * overlap(phase, paid)
    }, 0n)
    return divRound(weight, length)
  })
}

/** The version whose prices hold for the use of a period beyond its allowance: the one in force when the period ends. */
export const overageTerms = (
  phases: readonly Span[],
  versions: ReadonlyMap<string, PlanVersion>,
  period: Period,
): PlanVersion => {
  const last = phases.findLast((phase) => isBefore(phase.startsAt, period.end) && overlap(phase, period) > 0n)
  if (!last) throw new Error(`no phase lies within the period from ${period.start} to ${period.end}`)
  return versionOf(versions, last.planVersionId)
}
