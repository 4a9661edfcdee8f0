import { type RawBuilder, sql } from 'kysely'
import type { Period } from '../../lib/period.ts'
import type { TenantTx } from '../../platform/db/database.ts'
import { boundaries } from './hours.ts'
import { slicesOf } from './load-slices.ts'

export const GROUPS = ['provider', 'model', 'user', 'type', 'hour', 'day', 'month'] as const
export type GroupBy = (typeof GROUPS)[number]

export interface SummaryQuery extends Period {
  readonly type?: string | undefined
  readonly groupBy?: GroupBy | undefined
  /** Where days and months begin. */
  readonly timeZone: string
}

export interface Sums {
  readonly events: bigint
  readonly failures: bigint
  /** Events that tell how long they took. */
  readonly timed: bigint
  readonly input_tokens: bigint
  readonly cached_input_tokens: bigint
  readonly cache_write_tokens: bigint
  readonly output_tokens: bigint
  readonly reasoning_tokens: bigint
  readonly duration_ms: bigint
  /** Exact decimal USD. */
  readonly cost: string
  readonly unpriced: bigint
}

export interface GroupSums extends Sums {
  readonly value: string | null
}

/** Groups beyond this are left out: the cheapest, or the latest. */
export const MAX_GROUPS = 1_000

const SUMS = sql`coalesce(sum(events), 0)::bigint as events, coalesce(sum(failures), 0)::bigint as failures,
  coalesce(sum(timed), 0)::bigint as timed, coalesce(sum(input_tokens), 0)::bigint as input_tokens, coalesce(sum(cached_input_tokens), 0)::bigint as cached_input_tokens,
  coalesce(sum(cache_write_tokens), 0)::bigint as cache_write_tokens, coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens, coalesce(sum(duration_ms), 0)::bigint as duration_ms,
  trim_scale(coalesce(sum(cost), 0))::text as cost, coalesce(sum(unpriced), 0)::bigint as unpriced`

const NOTHING: Sums = {
  events: 0n,
  failures: 0n,
  timed: 0n,
  input_tokens: 0n,
  cached_input_tokens: 0n,
  cache_write_tokens: 0n,
  output_tokens: 0n,
  reasoning_tokens: 0n,
  duration_ms: 0n,
  cost: '0',
  unpriced: 0n,
}

const text = (instant: RawBuilder<unknown>) => sql`to_char(${instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`

/** `starts`: where days or months begin. PostgreSQL is not asked for them: its zones may be of another release, and '+05:30' lies west to it. */
const keyOf = (groupBy: GroupBy, starts: readonly Temporal.Instant[]) => {
  if (groupBy === 'user') return sql`nullif(user_id, '')`
  if (groupBy === 'provider' || groupBy === 'model') return sql`nullif(${sql.ref(groupBy)}, '')`
  if (groupBy === 'type') return sql`type`
  // Hours are those of UTC: in a zone with a half hour's offset every one of them would have to be read from the events.
  if (groupBy === 'hour') return text(sql`date_trunc('hour', at, 'UTC')`)
  const list = sql`${starts.map(String)}::timestamptz[]`
  return text(sql`(${list})[width_bucket(at, ${list})]`)
}

const isTime = (groupBy: GroupBy): groupBy is 'hour' | 'day' | 'month' => ['hour', 'day', 'month'].includes(groupBy)

/** The sums of a half-open period, and those of each group: the dearest first, hours, days and months in their order. */
export const loadSummary = async (
  tx: TenantTx,
  query: SummaryQuery,
): Promise<{ total: Sums; groups: GroupSums[]; truncated: boolean }> => {
  const { groupBy, timeZone, type } = query
  const starts = groupBy === 'day' || groupBy === 'month' ? boundaries(query, groupBy, timeZone) : []
  const slices = slicesOf(query, starts)
  if (!slices) return { total: NOTHING, groups: [], truncated: false }
  const rows = sql`(${slices}) as s ${type === undefined ? sql`` : sql`where type = ${type}`}`
  const sums = await sql<Sums>`select ${SUMS} from ${rows}`.execute(tx)
  const total = sums.rows[0] ?? NOTHING
  if (groupBy === undefined) return { total, groups: [], truncated: false }
  const groups = await sql<GroupSums>`select ${keyOf(groupBy, starts)} as value, ${SUMS} from ${rows}
    group by 1 order by ${isTime(groupBy) ? sql`1` : sql`sum(cost) desc, 1`} limit ${MAX_GROUPS + 1}`.execute(tx)
  return { total, groups: groups.rows.slice(0, MAX_GROUPS), truncated: groups.rows.length > MAX_GROUPS }
}
