import { isIP } from 'node:net'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { ControlTx, Database } from '../db/database.ts'
import { withoutKeys } from './key-format.ts'
import { refusalAllowance } from './refusal-allowance.ts'

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
  /**
   * Notes a refusal; written within a second, many at once. Kept while the database is away. So that an attack does not become a load, an
   * actor's refusals are written a thousand at once and ten a second beyond, strangers' as those of one actor; `detail.unwritten` of the
   * next tells how many are left out. An entry with a detail of its own is one of a sample already, and is always written.
   */
  denied(entry: AuditEntry): void
  flush(): Promise<void>
}

/** Refusals kept in memory between two writes; beyond it they are counted and the count is logged: memory stays flat under attack. */
const MAX_WAITING = 10_000
const FLUSH_MS = 500
const RETRY_MS = 2_000
/** Larger statements take so long to put together that requests notice. */
const ROWS_AT_ONCE = 250

/** What PostgreSQL takes for an address: an IPv6 one may come with the name of a network card, and a client that has gone with none. */
const addressOf = (ip: string | null | undefined): string | null => {
  const [address = ''] = (ip ?? '').split('%')
  return isIP(address) === 0 ? null : address
}

export interface AuditDeps {
  readonly db: Database
  readonly clock: Clock
  readonly ids: { next(prefix: 'aud'): string }
  readonly log: Logger
  readonly monotonicMs?: () => number
}

export const auditLog = ({ db, clock, ids, log, monotonicMs = () => performance.now() }: AuditDeps): Audit => {
  let waiting: ReturnType<typeof rowOf>[] = []
  /** What waits, and what is being written: it waits again where that fails. */
  let held = 0
  let dropped = 0
  let timer: NodeJS.Timeout | undefined

  const allowance = refusalAllowance(monotonicMs)

  /** undefined: it is only counted. */
  const sampled = (entry: AuditEntry): AuditEntry | undefined => {
    if (entry.detail) return entry
    const unwritten = allowance.take(entry.actorId ?? entry.actorKind)
    if (unwritten === undefined) return undefined
    return unwritten === 0 ? entry : { ...entry, detail: { unwritten } }
  }

  const rowOf = (entry: AuditEntry) => ({
    id: ids.next('aud'),
    at: clock.now(),
    tenant_id: entry.tenantId,
    actor_kind: entry.actorKind,
    actor_id: entry.actorId,
    operation: entry.operation,
    target: entry.target && withoutKeys(entry.target),
    outcome: entry.outcome,
    code: entry.code ?? null,
    request_id: entry.requestId && withoutKeys(entry.requestId),
    ip: addressOf(entry.ip),
    detail: JSON.stringify(entry.detail ?? {}),
  })

  const record = async (tx: ControlTx, entry: AuditEntry): Promise<void> => {
    await tx.insertInto('audit_log').values(rowOf(entry)).execute()
  }

  const flushIn = (milliseconds: number): void => {
    timer ??= setTimeout(() => {
      flush().catch((error: unknown) => log.error({ err: error }, 'refusals could not be audited; they are kept and tried again'))
    }, milliseconds).unref()
  }

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (dropped > 0) log.error({ dropped }, 'more refusals than the audit log could take; the count is all that is left of them')
    dropped = 0
    const rows = waiting
    waiting = []
    try {
      while (rows.length > 0) {
        const some = rows.slice(0, ROWS_AT_ONCE)
        await db.control.asOperator('audit refusals', (tx) =>
          tx
            .insertInto('audit_log')
            .values(some)
            // A commit whose answer was lost is done again.
            .onConflict((conflict) => conflict.column('id').doNothing())
            .execute(),
        )
        rows.splice(0, some.length)
        held -= some.length
      }
    } catch (error) {
      waiting = [...rows, ...waiting]
      flushIn(RETRY_MS)
      throw error
    }
  }

  return {
    record,
    done: (entry) => db.control.asOperator('audit', (tx) => record(tx, entry)),
    denied(entry) {
      const written = sampled(entry)
      if (!written) return
      if (held >= MAX_WAITING) {
        dropped += 1
        return
      }
      held += 1
      waiting.push(rowOf(written))
      flushIn(FLUSH_MS)
    },
    flush,
  }
}
