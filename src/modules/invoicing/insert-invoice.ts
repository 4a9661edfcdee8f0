import { formatDecimal } from '../../lib/decimal.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { writeBilled } from './billed-period.ts'
import type { Invoice, Line } from './invoice.ts'
import type { News } from './news.ts'

/** Throws 23505 `invoices_once` where another invoice that is not void bills the same. */
export const insertDraft = async (tx: ControlTx, invoice: Invoice, source: News): Promise<void> => {
  await tx
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
      usage: JSON.stringify(writeBilled(invoice.billed)),
      source: JSON.stringify(source),
      created_at: invoice.createdAt,
    })
    .execute()
}

/** A statement takes 65,535 values at most, and a line has twelve. */
const LINES_AT_ONCE = 1_000

export const insertLines = async (tx: ControlTx, { id, tenantId }: Invoice, lines: readonly Line[]): Promise<void> => {
  const rows = lines.map((line) => ({
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
  }))
  for (let from = 0; from < rows.length; from += LINES_AT_ONCE)
    await tx
      .insertInto('invoice_lines')
      .values(rows.slice(from, from + LINES_AT_ONCE))
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
