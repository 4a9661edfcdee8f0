import { sql } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import type { Entry } from './ledger.ts'

export interface Journal {
  readonly id: string
  readonly tenantId: string
  readonly at: Temporal.Instant
  readonly kind: 'invoice_finalized' | 'invoice_voided' | 'payment_succeeded'
  /** What is booked: one journal for one fact, for ever. */
  readonly sourceId: string
  readonly currency: string
  readonly entries: readonly Entry[]
}

/** Books a fact. The database refuses at the commit what does not sum to zero, and a second journal of the same fact at once. */
export const postJournal = async (
  tx: ControlTx,
  { id, tenantId, at, kind, sourceId, currency, entries }: Journal,
): Promise<void> => {
  await tx.insertInto('ledger_journals').values({ id, tenant_id: tenantId, at, kind, source_id: sourceId }).execute()
  if (entries.length === 0) return
  await tx
    .insertInto('ledger_entries')
    .values(entries.map(({ account, amount }) => ({ tenant_id: tenantId, journal_id: id, account, currency, amount })))
    .execute()
}

/** What the tenant has to its credit, minor units. Money of one tenant is decided one at a time: the lock lasts until the commit. */
export const lockCredit = async (tx: ControlTx, tenantId: string, currency: string): Promise<bigint> => {
  await sql`select pg_advisory_xact_lock(hashtextextended(${tenantId}, 5020))`.execute(tx)
  return creditOf(tx, tenantId, currency)
}

export const creditOf = async (tx: ControlTx, tenantId: string, currency: string): Promise<bigint> => {
  const row = await tx
    .selectFrom('ledger_entries')
    .select(({ fn }) => fn.sum<string | null>('amount').as('balance'))
    .where('tenant_id', '=', tenantId)
    .where('account', '=', 'customer_credit')
    .where('currency', '=', currency)
    .executeTakeFirst()
  return -BigInt(row?.balance ?? '0')
}
