import type { ControlTx } from '../db/database.ts'
import type { Keyset } from '../http/page.ts'

export interface AuditRecord {
  readonly id: string
  readonly at: Temporal.Instant
  readonly tenant_id: string | null
  readonly actor_kind: string
  readonly actor_id: string | null
  readonly operation: string
  readonly target: string | null
  readonly outcome: string
  readonly code: string | null
  readonly request_id: string | null
  readonly ip: string | null
}

const COLUMNS = [
  'id',
  'at',
  'tenant_id',
  'actor_kind',
  'actor_id',
  'operation',
  'target',
  'outcome',
  'code',
  'request_id',
  'ip',
] as const

/** Newest first. */
export const listAudit = (
  tx: ControlTx,
  filter: { readonly operation?: string; readonly outcome?: string },
  { limit, after }: { readonly limit: number; readonly after: Keyset | undefined },
): Promise<AuditRecord[]> => {
  let query = tx.selectFrom('audit_log').select(COLUMNS)
  if (filter.operation !== undefined) query = query.where('operation', '=', filter.operation)
  if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome)
  if (after)
    query = query.where((eb) => eb.or([eb('at', '<', after.at), eb.and([eb('at', '=', after.at), eb('id', '<', after.id)])]))
  return query.orderBy('at', 'desc').orderBy('id', 'desc').limit(limit).execute()
}
