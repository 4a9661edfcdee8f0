import { type Selectable, sql } from 'kysely'
import { parseDecimal } from '../../lib/decimal.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { InvoiceLinesTable, InvoicesTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import { METERS } from '../catalog/index.ts'
import { readBilled } from './billed-period.ts'
import { type Invoice, KINDS, LINE_KINDS, type Line, STATUSES } from './invoice.ts'
import { BILLED_NEWS, type News } from './news.ts'

const oneOf = <T extends string>(known: readonly T[], text: string): T => {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new Error(`the database holds '${text}' where one of ${known.join(', ')} belongs`)
  return found
}

const fromRow = (row: Selectable<InvoicesTable>): Invoice => ({
  id: row.id,
  tenantId: row.tenant_id,
  subscriptionId: row.subscription_id,
  number: row.number,
  kind: oneOf(KINDS, row.kind),
  sourceKey: row.source_key,
  status: oneOf(STATUSES, row.status),
  currency: row.currency,
  period: { start: row.period_start, end: row.period_end },
  subtotal: row.subtotal,
  discount: row.discount,
  tax: row.tax,
  total: row.total,
  creditApplied: row.credit_applied,
  amountDue: row.amount_due,
  amountPaid: row.amount_paid,
  billed: readBilled(row.usage),
  createdAt: row.created_at,
  finalizedAt: row.finalized_at,
  dueAt: row.due_at,
  paidAt: row.paid_at,
  voidedAt: row.voided_at,
  voidReason: row.void_reason,
})

const lineFromRow = (row: Selectable<InvoiceLinesTable>): Line => ({
  id: row.id,
  position: row.position,
  kind: oneOf(LINE_KINDS, row.kind),
  meter: row.meter === null ? null : oneOf([...METERS, 'llm_cost' as const], row.meter),
  description: row.description,
  quantity: parseDecimal(row.quantity),
  unitPrice: parseDecimal(row.unit_price),
  amount: row.amount,
  period: { start: row.period_start, end: row.period_end },
})

export const findInvoice = async (tx: ControlTx, id: string): Promise<Invoice | undefined> => {
  const row = await tx.selectFrom('invoices').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

export const lockInvoice = async (tx: ControlTx, id: string): Promise<Invoice | undefined> => {
  const row = await tx.selectFrom('invoices').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
  return row && fromRow(row)
}

/** The live invoice of what is billed under this key. */
export const findBySource = async (tx: ControlTx, sourceKey: string): Promise<Invoice | undefined> => {
  const row = await tx
    .selectFrom('invoices')
    .selectAll()
    .where('source_key', '=', sourceKey)
    .where('status', '!=', 'void')
    .executeTakeFirst()
  return row && fromRow(row)
}

/** Invoices of a subscription that count, oldest first. */
export const invoicesOf = async (tx: ControlTx, subscriptionId: string): Promise<Invoice[]> => {
  const rows = await tx
    .selectFrom('invoices')
    .selectAll()
    .where('subscription_id', '=', subscriptionId)
    .where('status', '!=', 'void')
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(fromRow)
}

/** All that there ever were of a subscription, void ones too. */
export const countInvoices = async (tx: ControlTx, subscriptionId: string): Promise<number> => {
  const { count } = await tx
    .selectFrom('invoices')
    .select(({ fn }) => fn.countAll<bigint>().as('count'))
    .where('subscription_id', '=', subscriptionId)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Subscriptions whose final invoice counts and was made after `since`, oldest first: call it as the operator. */
export const finalInvoices = async (
  tx: ControlTx,
  { since, limit }: { readonly since: Keyset; readonly limit: number },
): Promise<(Keyset & { subscriptionId: string; tenantId: string })[]> => {
  const rows = await tx
    .selectFrom('invoices')
    .select(['created_at as at', 'id', 'subscription_id as subscriptionId', 'tenant_id as tenantId'])
    .where('kind', '=', 'final')
    .where('status', '!=', 'void')
    .where('source_key', '=', sql<string>`subscription_id || ':final'`)
    .where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '>', tuple(since.at, since.id)))
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.flatMap(({ subscriptionId, ...row }) => (subscriptionId === null ? [] : [{ ...row, subscriptionId }]))
}

/** What void invoices of a subscription were made from, where nothing has taken their place. */
export const unreplacedSources = async (tx: ControlTx, subscriptionId: string): Promise<News[]> => {
  const { rows } = await sql<News>`
    select type, payload from (
      select distinct on (source_key) created_at, id, source ->> 'type' as type, source -> 'payload' as payload from invoices v
      where subscription_id = ${subscriptionId} and status = 'void'
        and not exists (select from invoices i where i.source_key = v.source_key and i.status <> 'void')
      order by source_key, created_at desc, id desc
    ) latest order by created_at, id`.execute(tx)
  return rows
}

/** News of a subscription that are to be billed and that the relay has not delivered yet, in their order. */
export const waitingNews = (tx: ControlTx, subscriptionId: string): Promise<News[]> =>
  tx
    .selectFrom('outbox')
    .select(['type', 'payload'])
    .where('published_at', 'is', null)
    .where('type', 'in', [...BILLED_NEWS])
    .where(sql<string>`payload ->> 'subscription_id'`, '=', subscriptionId)
    .orderBy('created_at')
    .orderBy('id')
    .execute()

/** The lines of several invoices, each one's in their order. */
export const linesOf = async (tx: ControlTx, invoiceIds: readonly string[]): Promise<ReadonlyMap<string, readonly Line[]>> => {
  if (invoiceIds.length === 0) return new Map()
  const rows = await tx
    .selectFrom('invoice_lines')
    .selectAll()
    .where('invoice_id', 'in', invoiceIds)
    .orderBy('position')
    .execute()
  const groups = Map.groupBy(rows, ({ invoice_id }) => invoice_id)
  return new Map([...groups].map(([id, group]) => [id, group.map(lineFromRow)]))
}

export interface InvoiceFilter {
  readonly status?: string | undefined
  readonly subscriptionId?: string | undefined
  readonly number?: string | undefined
  readonly limit: number
  readonly after: Keyset | undefined
}

/** Newest first. */
export const listInvoices = async (
  tx: ControlTx,
  { status, subscriptionId, number, limit, after }: InvoiceFilter,
): Promise<Invoice[]> => {
  let query = tx.selectFrom('invoices').selectAll()
  if (status !== undefined) query = query.where('status', '=', status)
  if (subscriptionId !== undefined) query = query.where('subscription_id', '=', subscriptionId)
  if (number !== undefined) query = query.where('number', '=', number)
  if (after) query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '<', tuple(after.at, after.id)))
  return (await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()).map(fromRow)
}

export const openInvoice = async (
  tx: ControlTx,
  id: string,
  { number, at, dueAt }: { readonly number: string; readonly at: Temporal.Instant; readonly dueAt: Temporal.Instant },
): Promise<void> => {
  await tx.updateTable('invoices').set({ status: 'open', number, finalized_at: at, due_at: dueAt }).where('id', '=', id).execute()
}

type Settled =
  | { readonly status: 'paid'; readonly paid_at: Temporal.Instant; readonly amount_paid: bigint }
  | { readonly status: 'void'; readonly voided_at: Temporal.Instant; readonly void_reason: string | null }

export const setStatus = async (tx: ControlTx, id: string, settled: Settled): Promise<void> => {
  await tx.updateTable('invoices').set(settled).where('id', '=', id).execute()
}
