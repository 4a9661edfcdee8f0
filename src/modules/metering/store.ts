import { sql } from 'kysely'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { TenantTx } from '../../platform/db/database.ts'
import type { Use } from './allowance.ts'

const CALLS = 'api_calls'
const COMPUTE = 'compute_ms'

/** What is used of the period so far, locked until the transaction ends. */
export const lockUse = async (tx: TenantTx, tenantId: string, periodStart: Temporal.Instant): Promise<Use> => {
  const { rows } = await sql<{ meter: string; used: string }>`
    insert into usage_allowances as a (tenant_id, meter, period_start, used)
    values (${tenantId}, ${CALLS}, ${periodStart.toString()}, 0), (${tenantId}, ${COMPUTE}, ${periodStart.toString()}, 0)
    on conflict (tenant_id, meter, period_start) do update set used = a.used returning meter, used`.execute(tx)
  const used = (meter: string): bigint => parseDecimal(rows.find((row) => row.meter === meter)?.used ?? '0')
  return { calls: used(CALLS), computeMs: used(COMPUTE) / 10n ** 12n }
}

export const addUse = async (tx: TenantTx, tenantId: string, periodStart: Temporal.Instant, use: Use): Promise<void> => {
  const add = (meter: string, amount: string) =>
    tx
      .updateTable('usage_allowances')
      .set(({ eb }) => ({ used: eb('used', '+', amount) }))
      .where('tenant_id', '=', tenantId)
      .where('meter', '=', meter)
      .where('period_start', '=', periodStart)
      .execute()
  await add(CALLS, formatDecimal(use.calls))
  await add(COMPUTE, String(use.computeMs))
}

/** Which of these ids were recorded before. */
export const knownIds = async (tx: TenantTx, ids: readonly string[]): Promise<Set<string>> => {
  const { rows } = await sql<{ id: string }>`select id from usage_events where id = any(${ids})`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}
