import { type RawBuilder, sql } from 'kysely'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { TenantTx } from '../../platform/db/database.ts'
import type { Use } from './allowance.ts'
import { CALL_TYPES, type HardLimits, RUN_TYPES } from './event.ts'
import { hourOf } from './hours.ts'

const CALLS = 'api_calls'
const COMPUTE = 'compute_ms'
const STORED = 'stored_bytes'

/** How far `normalise.ts` lets an event lie ahead: what was recorded before the period began was counted in the one before. */
const AHEAD = { minutes: 5 }

/** What the period already holds when its first row is made: a tenant that comes from a plan without a stop brings its use along. */
const useSoFar = (periodStart: Temporal.Instant): RawBuilder<unknown> => {
  const [start, whole] = [periodStart.toString(), hourOf(periodStart.add(AHEAD)).add({ hours: 1 }).toString()]
  return sql`
    select coalesce(sum(case when type = 'API_CALL' then quantity else events end) filter (where type = any(${[...CALL_TYPES]})), 0) as calls,
      coalesce(trunc(sum(quantity * 1000) filter (where type = 'COMPUTE_TIME')), 0)
        + coalesce(sum(duration_ms) filter (where type = any(${[...RUN_TYPES]})), 0) as compute_ms,
      (select coalesce(sum(quantity), 0) from usage_hours where type = 'STORAGE_OPERATION') as stored_bytes
    from (select type, quantity, events, duration_ms from usage_hours where hour >= ${whole}
      union all select type, quantity, 1, duration_ms from usage_events
        where occurred_at >= ${start} and occurred_at < ${whole} and recorded_at >= ${start}) as u`
}

interface Row {
  readonly meter: string
  readonly used: string
}

const toUse = (rows: readonly Row[]): Use => {
  const used = (meter: string): bigint => parseDecimal(rows.find((row) => row.meter === meter)?.used ?? '0')
  return { calls: used(CALLS), computeMs: used(COMPUTE) / 10n ** 12n, storedBytes: used(STORED) }
}

type Stretch = Pick<HardLimits, 'periodStart' | 'since'>

const rowsOf = ({ since }: Stretch): RawBuilder<Row> =>
  sql<Row>`select meter, used from usage_allowances where since = ${since.toString()} order by meter`

export const loadUse = async (tx: TenantTx, stretch: Stretch): Promise<Use> => toUse((await rowsOf(stretch).execute(tx)).rows)

/** What is used of the period so far, locked until the transaction ends. */
export const lockUse = async (tx: TenantTx, tenantId: string, stretch: Stretch): Promise<Use> => {
  const { rows } = await sql<Row>`${rowsOf(stretch)} for update`.execute(tx)
  if (rows.length > 0) return toUse(rows)
  const first = await sql<Row>`
    insert into usage_allowances as a (tenant_id, meter, since, used)
    select ${tenantId}, meter, ${stretch.since.toString()}::timestamptz, used
    from (${useSoFar(stretch.periodStart)}) as s cross join lateral (values (${CALLS}, s.calls), (${COMPUTE}, s.compute_ms), (${STORED}, s.stored_bytes)) as m (meter, used)
    order by meter
    on conflict (tenant_id, meter, since) do update set used = a.used returning meter, used`.execute(tx)
  return toUse(first.rows)
}

export const addUse = async (tx: TenantTx, tenantId: string, { since }: Stretch, use: Use): Promise<void> => {
  const add = (meter: string, amount: string) =>
    tx
      .updateTable('usage_allowances')
      .set(({ eb }) => ({ used: eb('used', '+', amount) }))
      .where('tenant_id', '=', tenantId)
      .where('meter', '=', meter)
      .where('since', '=', since)
      .execute()
  await add(CALLS, formatDecimal(use.calls))
  await add(COMPUTE, String(use.computeMs))
  await add(STORED, formatDecimal(use.storedBytes))
}

/** What an event that was recorded costs as it stands; null: it has no price yet. */
export const storedCost = async (tx: TenantTx, id: string): Promise<string | null> => {
  const { rows } = await sql<{
    cost: string | null
  }>`select trim_scale(cost)::text as cost from usage_events where id = ${id}`.execute(tx)
  return rows[0]?.cost ?? null
}

/** Which of these ids were recorded before. */
export const knownIds = async (tx: TenantTx, ids: readonly string[]): Promise<Set<string>> => {
  const { rows } = await sql<{ id: string }>`select id from usage_events where id = any(${ids})`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}
