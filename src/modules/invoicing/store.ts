import { type Selectable, sql } from 'kysely'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { InvoiceLinesTable, InvoicesTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import { METERS } from '../catalog/index.ts'
import { type Invoice, type InvoiceStatus, KINDS, LINE_KINDS, type Line, STATUSES } from './invoice.ts'

const Span = Type.Object({ start: Type.String(), end: Type.String() })
const Billed = Type.Array(
  Type.Object({
    index: Type.Integer(),
    start: Type.String(),
    end: Type.String(),
    paid: Span,
    whole: Span,
    billed: Type.Record(Type.String(), Type.String()),
  }),
)

const oneOf = <T extends string>(known: readonly T[], text: string): T => {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new Error(`the database holds '${text}' where one of ${known.join(', ')} belongs`)
  return found
}

const fromRow = (row: Selectable<InvoicesTable>): Invoice => {
  const billed: Static<typeof Billed> = Value.Parse(Billed, row.usage)
  return {
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
    billed,
    createdAt: row.created_at,
    finalizedAt: row.finalized_at,
    dueAt: row.due_at,
    paidAt: row.paid_at,
    voidedAt: row.voided_at,
  }
}

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
  const row = await tx.selectFrom('invoices').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
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

/** What void invoices were made from, where nothing has taken their place. */
export const unreplacedSources = async (tx: ControlTx, subscriptionId: string): Promise<unknown[]> => {
  const { rows } = await sql<{ source: unknown }>`
    select distinct on (source_key) source from invoices v where subscription_id = ${subscriptionId} and status = 'void'
      and not exists (select from invoices i where i.source_key = v.source_key and i.status <> 'void')
    order by source_key, created_at desc`.execute(tx)
  return rows.map(({ source }) => source)
}

export const linesOf = async (tx: ControlTx, invoiceId: string): Promise<Line[]> =>
  (await tx.selectFrom('invoice_lines').selectAll().where('invoice_id', '=', invoiceId).orderBy('position').execute()).map(
    lineFromRow,
  )

export interface InvoiceFilter {
  readonly tenantId: string | undefined
  readonly status?: string | undefined
  readonly subscriptionId?: string | undefined
  readonly limit: number
  readonly after: Keyset | undefined
}

/** Newest first. */
export const listInvoices = async (
  tx: ControlTx,
  { tenantId, status, subscriptionId, limit, after }: InvoiceFilter,
): Promise<Invoice[]> => {
  let query = tx.selectFrom('invoices').selectAll()
  if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
  if (status !== undefined) query = query.where('status', '=', status)
  if (subscriptionId !== undefined) query = query.where('subscription_id', '=', subscriptionId)
  if (after) query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '<', tuple(after.at, after.id)))
  return (await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()).map(fromRow)
}

/** Writes the draft; false: another live invoice bills the same. */
export const insertDraft = async (tx: ControlTx, invoice: Invoice, source: unknown): Promise<boolean> => {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('invoices')
    .values({
      id: invoice.id,
      tenant_id: invoice.tenantId,
      subscription_id: invoice.subscriptionId,
      kind: invoice.kind,
      source_key: invoice.sourceKey,
      status: 'draft',
      currency: invoice.currency,
      period_start: invoice.period.start,
      period_end: invoice.period.end,
      subtotal: invoice.subtotal,
      discount: invoice.discount,
      tax: invoice.tax,
      total: invoice.total,
      credit_applied: invoice.creditApplied,
      amount_due: invoice.amountDue,
      usage: JSON.stringify(invoice.billed),
      source: JSON.stringify(source),
      created_at: invoice.createdAt,
    })
    .onConflict((oc) => oc.column('source_key').where('status', '!=', 'void').doNothing())
    .executeTakeFirstOrThrow()
  return (numInsertedOrUpdatedRows ?? 0n) > 0n
}

export const insertLines = async (tx: ControlTx, { id, tenantId }: Invoice, lines: readonly Line[]): Promise<void> => {
  if (lines.length === 0) return
  await tx
    .insertInto('invoice_lines')
    .values(
      lines.map((line) => ({
        id: line.id,
        tenant_id: tenantId,
        invoice_id: id,
        position: line.position,
        kind: line.kind,
        meter: line.meter,
        description: line.description,
        quantity: formatDecimal(line.quantity),
        unit_price: formatDecimal(line.unitPrice),
        amount: line.amount,
        period_start: line.period.start,
        period_end: line.period.end,
      })),
    )
    .execute()
}

/** The next number of the series. The counter stays locked until the commit and is undone by a rollback: no number is skipped or given twice. */
export const nextNumber = async (tx: ControlTx): Promise<string> => {
  const { last } = await tx
    .updateTable('invoice_numbers')
    .set(({ eb }) => ({ last: eb('last', '+', 1n) }))
    .where('series', '=', 'INV')
    .returning('last')
    .executeTakeFirstOrThrow()
  return `INV-${String(last).padStart(6, '0')}`
}

export const openInvoice = async (
  tx: ControlTx,
  id: string,
  number: string,
  at: Temporal.Instant,
  dueAt: Temporal.Instant,
): Promise<void> => {
  await tx.updateTable('invoices').set({ status: 'open', number, finalized_at: at, due_at: dueAt }).where('id', '=', id).execute()
}

export const setStatus = async (
  tx: ControlTx,
  id: string,
  status: InvoiceStatus,
  fields: { readonly paid_at?: Temporal.Instant; readonly amount_paid?: bigint; readonly voided_at?: Temporal.Instant },
): Promise<void> => {
  await tx
    .updateTable('invoices')
    .set({ status, ...fields })
    .where('id', '=', id)
    .execute()
}

export const findTax = async (
  tx: ControlTx,
  tenantId: string,
): Promise<{ readonly percent: string; readonly name: string } | undefined> => {
  const row = await tx.selectFrom('tax_rates').select(['percent', 'name']).where('tenant_id', '=', tenantId).executeTakeFirst()
  return row && { percent: formatDecimal(parseDecimal(row.percent)), name: row.name }
}
