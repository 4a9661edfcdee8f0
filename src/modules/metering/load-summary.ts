import { sql } from 'kysely'
import type { Period } from '../../lib/period.ts'
import type { TenantTx } from '../../platform/db/database.ts'
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

/** Groups beyond this are left out, the dearest first. */
export const MAX_GROUPS = 1_000

const SUMS = sql`coalesce(sum(events), 0)::bigint as events, coalesce(sum(failures), 0)::bigint as failures,
  coalesce(sum(input_tokens), 0)::bigint as input_tokens, coalesce(sum(cached_input_tokens), 0)::bigint as cached_input_tokens,
  coalesce(sum(cache_write_tokens), 0)::bigint as cache_write_tokens, coalesce(sum(output_tokens), 0)::bigint as output_tokens,
  coalesce(sum(reasoning_tokens), 0)::bigint as reasoning_tokens, coalesce(sum(duration_ms), 0)::bigint as duration_ms,
  trim_scale(coalesce(sum(cost), 0))::text as cost, coalesce(sum(unpriced), 0)::bigint as unpriced`

const NOTHING: Sums = {
  events: 0n,
  failures: 0n,
  input_tokens: 0n,
  cached_input_tokens: 0n,
  cache_write_tokens: 0n,
  output_tokens: 0n,
  reasoning_tokens: 0n,
  duration_ms: 0n,
  cost: '0',
  unpriced: 0n,
}

const keyOf = (groupBy: GroupBy, zone: string) => {
  if (groupBy === 'user') return sql`nullif(user_id, '')`
  if (groupBy === 'provider' || groupBy === 'model') return sql`nullif(${sql.ref(groupBy)}, '')`
  if (groupBy === 'type') return sql`type`
  return sql`to_char(date_trunc(${groupBy}, hour, ${zone}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
}

/** The sums of a half-open period, and those of each group, the dearest first. */
export const loadSummary = async (tx: TenantTx, query: SummaryQuery): Promise<{ total: Sums; groups: GroupSums[] }> => {
  const slices = slicesOf(query)
  if (!slices) return { total: NOTHING, groups: [] }
  const rows = sql`(${slices}) as s ${query.type === undefined ? sql`` : sql`where type = ${query.type}`}`
  const total = await sql<Sums>`select ${SUMS} from ${rows}`.execute(tx)
  if (query.groupBy === undefined) return { total: total.rows[0] ?? NOTHING, groups: [] }
  const groups = await sql<GroupSums>`select ${keyOf(query.groupBy, query.timeZone)} as value, ${SUMS} from ${rows}
    group by 1 order by sum(cost) desc, 1 limit ${MAX_GROUPS}`.execute(tx)
  return { total: total.rows[0] ?? NOTHING, groups: groups.rows }
}
