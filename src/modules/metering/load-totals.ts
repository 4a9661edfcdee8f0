import { sql } from 'kysely'
import { type Decimal12, parseDecimal } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import type { Period } from '../../lib/period.ts'
import type { TenantTx } from '../../platform/db/database.ts'
import { CALL_TYPES, RUN_TYPES } from './event.ts'
import { hourOf } from './hours.ts'
import { slicesOf } from './load-slices.ts'

/** What a tenant used in a period, for billing. */
export interface MeterTotals {
  readonly apiCalls: Decimal12
  /** Summed in milliseconds, divided once, half away from zero. */
  readonly computeHours: Decimal12
  /** Time-weighted mean over the period; GB are 10⁹ bytes. */
  readonly storageGb: Decimal12
  /** US dollars × 10¹². */
  readonly llmCost: bigint
  readonly events: bigint
  readonly unpriced: bigint
}

interface Row {
  readonly calls: string
  readonly compute_seconds: string
  readonly run_ms: string
  readonly cost: string
  readonly events: string
  readonly unpriced: string
  /** Σ change × seconds from then to the period's end. */
  readonly byte_seconds: string
}

const NOTHING: Row = { calls: '0', compute_seconds: '0', run_ms: '0', cost: '0', events: '0', unpriced: '0', byte_seconds: '0' }
const MS_PER_HOUR = 3_600_000n
const ONE = 10n ** 12n
const LEVEL_SCALE = 18

const sums = async (tx: TenantTx, period: Period): Promise<Row> => {
  const slices = slicesOf(period)
  if (!slices) return NOTHING
  const { rows } = await sql<Row>`
    select coalesce(sum(case when type = 'API_CALL' then quantity when type = any(${[...CALL_TYPES]}) then events else 0 end), 0)::text as calls,
      coalesce(sum(quantity) filter (where type = 'COMPUTE_TIME'), 0)::text as compute_seconds,
      coalesce(sum(duration_ms) filter (where type = any(${[...RUN_TYPES]})), 0)::text as run_ms,
      coalesce(sum(cost), 0)::text as cost, coalesce(sum(events), 0)::text as events, coalesce(sum(unpriced), 0)::text as unpriced,
      coalesce(sum(quantity * extract(epoch from ${period.end.toString()}::timestamptz - hour) - quantity_seconds)
        filter (where type = 'STORAGE_OPERATION'), 0)::text as byte_seconds
    from (${slices}) as s`.execute(tx)
  return rows[0] ?? NOTHING
}

/** Bytes stored at an instant: all changes before it. */
const levelAt = async (tx: TenantTx, at: Temporal.Instant): Promise<bigint> => {
  const hour = hourOf(at).toString()
  const { rows } = await sql<{ level: string }>`
    select ((select coalesce(sum(quantity), 0) from usage_hours where type = 'STORAGE_OPERATION' and hour < ${hour})
      + (select coalesce(sum(quantity), 0) from usage_events where type = 'STORAGE_OPERATION' and occurred_at >= ${hour} and occurred_at < ${at.toString()}))::text as level`.execute(
    tx,
  )
  return parseDecimal(rows[0]?.level ?? '0', 12, 30)
}

const totalsOf = async (tx: TenantTx, period: Period): Promise<MeterTotals> => {
  const row = await sums(tx, period)
  const length = period.end.epochNanoseconds - period.start.epochNanoseconds
  // Byte-seconds at scale 18: the level carried in, held all along, and each change from when it came.
  const carried = ((await levelAt(tx, period.start)) * length) / 1_000n
  const changed = parseDecimal(row.byte_seconds, LEVEL_SCALE, 40)
  const computeMs = parseDecimal(row.compute_seconds, 12, 26) * 1_000n + BigInt(row.run_ms) * ONE
  return {
    apiCalls: parseDecimal(row.calls, 12, 26),
    computeHours: divRound(computeMs, MS_PER_HOUR),
    storageGb: length === 0n ? 0n : divRound(carried + changed, 1_000_000n * length),
    llmCost: parseDecimal(row.cost, 12, 26),
    events: BigInt(row.events),
    unpriced: BigInt(row.unpriced),
  }
}

/** One answer for each period, in their order, all as of one moment. */
export const loadTotals = async (tx: TenantTx, periods: readonly Period[]): Promise<MeterTotals[]> => {
  const totals: MeterTotals[] = []
  for (const period of periods) totals.push(await totalsOf(tx, period))
  return totals
}
