import type { Decimal12 } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import { CYCLE_MONTHS, type Period } from '../../lib/period.ts'
import { type PerMeter, type PlanVersion, perMeter } from '../catalog/index.ts'
import { isLevel } from './rating.ts'
import { type Span, versionOf } from './slices.ts'
import { isBefore, later } from './subscription.ts'

const overlap = ({ startsAt, endsAt }: Span, period: Period): bigint => {
  const start = later(startsAt, period.start)
  const end = endsAt !== null && isBefore(endsAt, period.end) ? endsAt : period.end
  return isBefore(start, end) ? end.epochNanoseconds - start.epochNanoseconds : 0n
}

/**
 * What a period includes of hours and calls: each phase's allowance (a month's × months of the cycle) weighed by the time it ran, exact until
 * one rounding to 10⁻¹². The last phase counts to the period's end: what was paid stays included though the subscription ended. `whole` is
 * what a full allowance is for; `paid`, a part of it or all, what was paid for. GB and users: what the plan in force includes at any time.
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
    const last = phases.at(-1)
    if (last && isLevel(meter)) return versionOf(versions, last.planVersionId).included[meter]
    const weight = spans.reduce((sum, phase) => {
      const included = versionOf(versions, phase.planVersionId).included[meter] * BigInt(CYCLE_MONTHS[phase.cycle])
      return sum + included * overlap(phase, paid)
    }, 0n)
    return divRound(weight, length)
  })
}
