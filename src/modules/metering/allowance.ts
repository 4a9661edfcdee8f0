import { type Decimal12, formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import { CALL_TYPES, type EventType, type HardLimits, RUN_TYPES, type UsageEvent } from './event.ts'

/** What a tenant with a hard stop has used of its period: calls at scale 12, compute time in whole milliseconds; and the bytes it stores. */
export interface Use {
  readonly calls: Decimal12
  readonly computeMs: bigint
  readonly storedBytes: Decimal12
}

const MS_PER_HOUR = 3_600_000n
const ONE = 10n ** 12n
const BYTES_PER_GB = 10n ** 9n
const NOTHING: Use = { calls: 0n, computeMs: 0n, storedBytes: 0n }

/** What one event takes from the allowances. */
const useOf = ({ type, quantity, durationMs }: UsageEvent): Use => ({
  calls: !CALL_TYPES.includes(type) ? 0n : type === 'API_CALL' ? parseDecimal(quantity) : ONE,
  computeMs:
    type === 'COMPUTE_TIME' ? (parseDecimal(quantity) * 1_000n) / ONE : RUN_TYPES.includes(type) ? BigInt(durationMs ?? 0) : 0n,
  storedBytes: type === 'STORAGE_OPERATION' ? parseDecimal(quantity) : 0n,
})

const add = (a: Use, b: Use): Use => ({
  calls: a.calls + b.calls,
  computeMs: a.computeMs + b.computeMs,
  storedBytes: a.storedBytes + b.storedBytes,
})

export const useOfAll = (events: readonly UsageEvent[]): Use => events.map(useOf).reduce(add, NOTHING)

/**
 * The events, in the order given, that fit into what the period includes. A call must fit whole, and so must bytes that are added, while
 * removing some is never refused; a run is let in while any compute time is left, since how long it takes is known only afterwards.
 */
export const acceptWithin = (
  events: readonly UsageEvent[],
  included: HardLimits['included'],
  used: Use,
): { fitting: UsageEvent[]; use: Use } => {
  const callsIncluded = included.api_calls
  const computeIncludedMs = included.compute_hours === undefined ? undefined : (included.compute_hours * MS_PER_HOUR) / ONE
  const bytesIncluded = included.storage_gb === undefined ? undefined : included.storage_gb * BYTES_PER_GB
  let now = used
  const fitting = events.filter((event) => {
    const use = useOf(event)
    if (callsIncluded !== undefined && use.calls > 0n && now.calls + use.calls > callsIncluded) return false
    if (computeIncludedMs !== undefined && use.computeMs > 0n && now.computeMs >= computeIncludedMs) return false
    if (bytesIncluded !== undefined && use.storedBytes > 0n && now.storedBytes + use.storedBytes > bytesIncluded) return false
    now = add(now, use)
    return true
  })
  return { fitting, use: useOfAll(fitting) }
}

const meterOf = (type: EventType) =>
  CALL_TYPES.includes(type) ? 'api_calls' : type === 'STORAGE_OPERATION' ? 'storage_gb' : 'compute_hours'

/** Why a hard stop refused an event: the problem's details. `used` and `limit` are calls, hours or GB; room for bytes comes with removing some. */
export const refusalOf = (event: UsageEvent, { included, periodEnd }: HardLimits, used: Use, now: Temporal.Instant) => {
  const meter = meterOf(event.type)
  const usedOf = {
    api_calls: used.calls,
    compute_hours: divRound(used.computeMs * ONE, MS_PER_HOUR),
    storage_gb: divRound(used.storedBytes, BYTES_PER_GB),
  }
  const seconds = Math.ceil(periodEnd.since(now).total('seconds'))
  return {
    meter,
    used: formatDecimal(usedOf[meter]),
    limit: formatDecimal(included[meter] ?? 0n),
    resets_at: periodEnd.toString(),
    retry_after: Math.max(1, seconds),
  } as const
}
