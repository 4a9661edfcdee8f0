import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ControlTx, Database } from '../db/database.ts'

export interface AuditEntry {
  /** Whose data it concerns, where known. */
  readonly tenantId: string | null
  readonly actorKind: 'operator' | 'tenant' | 'system' | 'anonymous'
  readonly actorId: string | null
  /** The route's or the job's id. */
  readonly operation: string
  readonly target: string | null
  readonly outcome: 'done' | 'denied'
  readonly code?: string
  readonly requestId: string | null
  readonly ip: string | null
  readonly detail?: Readonly<Record<string, unknown>>
}

export interface Audit {
  /** Writes with the effect, in its transaction. */
  record(tx: ControlTx, entry: AuditEntry): Promise<void>
  /** Writes in a transaction of its own, for what has effects elsewhere. */
  done(entry: AuditEntry): Promise<void>
  /** Notes a refusal; written within a second, many at once, so that an attack does not become a load. */
  denied(entry: AuditEntry): void
  flush(): Promise<void>
}

/** Refusals kept in memory between two writes; beyond it they are counted and the count is logged: memory stays flat under attack. */
const MAX_WAITING = 10_000
const FLUSH_MS = 500

export interface AuditDeps {
  readonly db: Database
  readonly clock: Clock
  readonly ids: { next(prefix: 'aud'): string }
  readonly log: Logger
}

export const auditLog = ({ db, clock, ids, log }: AuditDeps): Audit => {
  let waiting: ReturnType<typeof rowOf>[] = []
  let dropped = 0
  let timer: NodeJS.Timeout | undefined

  const rowOf = (entry: AuditEntry) => ({
    id: ids.next('aud'),
    at: clock.now(),
    tenant_id: entry.tenantId,
    actor_kind: entry.actorKind,
    actor_id: entry.actorId,
    operation: entry.operation,
    target: entry.target,
    outcome: entry.outcome,
    code: entry.code ?? null,
    request_id: entry.requestId,
    ip: entry.ip,
    detail: JSON.stringify(entry.detail ?? {}),
  })

  const record = async (tx: ControlTx, entry: AuditEntry): Promise<void> => {
    await tx.insertInto('audit_log').values(rowOf(entry)).execute()
  }

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (dropped > 0) log.error({ dropped }, 'more refusals than the audit log could take; the count is all that is left of them')
    dropped = 0
    const rows = waiting
    waiting = []
    for (let i = 0; i < rows.length; i += 1_000)
      await db.control.asOperator('audit refusals', (tx) =>
        tx
          .insertInto('audit_log')
          .values(rows.slice(i, i + 1_000))
          .execute(),
      )
  }

  return {
    record,
    done: (entry) => db.control.asOperator('audit', (tx) => record(tx, entry)),
    denied(entry) {
      if (waiting.length >= MAX_WAITING) {
        dropped += 1
        return
      }
      waiting.push(rowOf(entry))
      timer ??= setTimeout(() => {
        flush().catch((error: unknown) => log.error({ err: error }, 'refusals could not be audited'))
      }, FLUSH_MS).unref()
    },
    flush,
  }
}
