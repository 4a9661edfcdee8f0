import { sql } from 'kysely'
import type { TenantTx } from '../../platform/db/database.ts'

export const WINDOW_SECONDS = 300

export interface Realtime {
  readonly events: bigint
  readonly failures: bigint
  readonly tokens: bigint
  /** Exact decimal USD. */
  readonly cost: string
  readonly mean_duration_ms: number | null
  /** The 95th percentile, interpolated at 0.95 × (n − 1): percentile_cont, type 7 of Hyndman and Fan (1996). */
  readonly p95_duration_ms: number | null
}

/** The last five minutes by when events occurred, from the events themselves: (now − 5 min, now]. */
export const loadRealtime = async (tx: TenantTx, now: Temporal.Instant): Promise<Realtime> => {
  const from = now.subtract({ seconds: WINDOW_SECONDS }).toString()
  const { rows } = await sql<Realtime>`
    select count(*) as events, count(*) filter (where not success) as failures,
      coalesce(sum(input_tokens + output_tokens), 0)::bigint as tokens, trim_scale(coalesce(sum(cost), 0))::text as cost,
      avg(duration_ms)::float8 as mean_duration_ms, percentile_cont(0.95) within group (order by duration_ms) as p95_duration_ms
    from usage_events where occurred_at > ${from} and occurred_at <= ${now.toString()}`.execute(tx)
  const [row] = rows
  if (!row) throw new Error('an aggregate has one row')
  return row
}
