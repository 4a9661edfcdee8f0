import { type Decimal12, formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import { CALL_TYPES, type HardLimits, RUN_TYPES, type UsageEvent } from './event.ts'

/** What a tenant with a hard stop has used of its period: calls at scale 12, compute time in whole milliseconds. */
export interface Use {
  readonly calls: Decimal12
  readonly computeMs: bigint
}

const MS_PER_HOUR = 3_600_000n
const ONE = 10n ** 12n
const NOTHING: Use = { calls: 0n, computeMs: 0n }

/** What one event takes from the allowances. */
const useOf = ({ type, quantity, durationMs }: UsageEvent): Use => ({
  calls: !CALL_TYPES.includes(type) ? 0n : type === 'API_CALL' ? parseDecimal(quantity) : ONE,
  computeMs:
    type === 'COMPUTE_TIME' ? (parseDecimal(quantity) * 1_000n) / ONE : RUN_TYPES.includes(type) ? BigInt(durationMs ?? 0) : 0n,
})

export const useOfAll = (events: readonly UsageEvent[]): Use =>
  events.map(useOf).reduce((sum, use) => ({ calls: sum.calls + use.calls, computeMs: sum.computeMs + use.computeMs }), NOTHING)

/**
 * The events, in the order given, that fit into what the period includes. A call must fit whole; a run is let in while any compute
 * time is left, since how long it takes is known only afterwards.
 */
export const acceptWithin = (
  events: readonly UsageEvent[],
  included: HardLimits['included'],
  used: Use,
): { fitting: UsageEvent[]; use: Use } => {
  const callsIncluded = included.api_calls
  const computeIncludedMs = included.compute_hours === undefined ? undefined : (included.compute_hours * MS_PER_HOUR) / ONE
  let { calls, computeMs } = used
  const fitting = events.filter((event) => {
    const use = useOf(event)
    if (callsIncluded !== undefined && use.calls > 0n && calls + use.calls > callsIncluded) return false
    if (computeIncludedMs !== undefined && use.computeMs > 0n && computeMs >= computeIncludedMs) return false
    calls += use.calls
    computeMs += use.computeMs
    return true
  })
  return { fitting, use: { calls: calls - used.calls, computeMs: computeMs - used.computeMs } }
}

/** Why a hard stop refused an event: the problem's details. `used` and `limit` are calls or hours. */
export const refusalOf = (event: UsageEvent, { included, periodEnd }: HardLimits, used: Use, now: Temporal.Instant) => {
  const meter = CALL_TYPES.includes(event.type) ? 'api_calls' : 'compute_hours'
  const seconds = Math.ceil(periodEnd.since(now).total('seconds'))
  return {
    meter,
    used: formatDecimal(meter === 'api_calls' ? used.calls : divRound(used.computeMs * ONE, MS_PER_HOUR)),
    limit: formatDecimal(included[meter] ?? 0n),
    resets_at: periodEnd.toString(),
    retry_after: Math.max(1, seconds),
  } as const
}
