import { sql } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import { type HourTotal, OTHER_ENDPOINTS } from './violation-counts.ts'

const HOUR_MS = 3_600_000
const LOCK = 5_030
/** A server that is frozen while it writes holds up one flush of each other so long, and no check. */
const LOCK_WAIT = '2s'
/** Endpoints of one limit and hour that keep a row of their own, over all flushes and servers. */
const KEPT_ENDPOINTS = 200

/**
 * Until the commit no other server writes violations: what each leaves is within the bound, whatever the others wrote. Throws where another
 * holds on to it for more than two seconds.
 */
export const lockViolations = async (tx: ControlTx): Promise<void> => {
  await sql`select set_config('lock_timeout', ${LOCK_WAIT}, true)`.execute(tx)
  await sql`select pg_advisory_xact_lock(${LOCK})`.execute(tx)
}

/** Of the hours that were added to, adds the lightest endpoints beyond so many to one row: sums stay exact, and the table small. */
export const boundTotals = async (tx: ControlTx, totals: readonly HourTotal[]): Promise<void> => {
  const hours = [...new Map(totals.map((total) => [`${total.limitId} ${total.hour}`, total])).values()]
  const limitIds = hours.map(({ limitId }) => limitId)
  const begins = hours.map(({ hour }) => Temporal.Instant.fromEpochMilliseconds(hour * HOUR_MS).toString())
  await sql`
    with ranked as (
      select limit_id, hour, endpoint,
        row_number() over (partition by limit_id, hour order by refused + would_refuse desc, endpoint) as place
      from rate_limit_violations
      where endpoint <> ${OTHER_ENDPOINTS}
        and (limit_id, hour) in (select * from unnest(${limitIds}::text[], ${begins}::timestamptz[]))
    ), light as (
      delete from rate_limit_violations v using ranked r
      where r.place > ${KEPT_ENDPOINTS} and (v.limit_id, v.hour, v.endpoint) = (r.limit_id, r.hour, r.endpoint)
      returning v.limit_id, v.hour, v.refused, v.would_refuse
    )
    insert into rate_limit_violations as others (limit_id, hour, endpoint, refused, would_refuse)
    select limit_id, hour, ${OTHER_ENDPOINTS}, sum(refused), sum(would_refuse) from light group by limit_id, hour
    on conflict (limit_id, hour, endpoint) do update
    set refused = others.refused + excluded.refused, would_refuse = others.would_refuse + excluded.would_refuse`.execute(tx)
}
