import { Type } from 'typebox'
import { formatDecimal } from '../../lib/decimal.ts'
import { formatAmount } from '../../lib/money.ts'
import { Amount, CurrencyCode, Decimal, Instant, Nullable, Strict } from '../../platform/http/schema.ts'
import { type Invoice, KINDS, LINE_KINDS, type LineDraft, STATUSES, type Totals } from './invoice.ts'
import type { Draft } from './load-draft.ts'

const LineReply = Strict({
  kind: Type.Enum(LINE_KINDS),
  meter: Nullable(Type.String()),
  description: Type.String(),
  quantity: Decimal,
  unit_price: Decimal,
  amount: Amount,
  period_start: Instant,
  period_end: Instant,
})
const TOTALS = {
  currency: CurrencyCode,
  subtotal: Amount,
  discount: Amount,
  tax: Amount,
  total: Amount,
  credit_applied: Amount,
  amount_due: Amount,
}
const INVOICE = {
  id: Type.String(),
  tenant_id: Type.String(),
  subscription_id: Nullable(Type.String()),
  number: Nullable(Type.String({ examples: ['INV-000001'] })),
  kind: Type.Enum(KINDS),
  status: Type.Enum(STATUSES),
  ...TOTALS,
  amount_paid: Amount,
  period_start: Instant,
  period_end: Instant,
  created_at: Instant,
  finalized_at: Nullable(Instant),
  due_at: Nullable(Instant),
  paid_at: Nullable(Instant),
  voided_at: Nullable(Instant),
  void_reason: Nullable(Type.String()),
}
export const InvoiceReply = Strict(INVOICE)
export const WholeInvoiceReply = Strict({ ...INVOICE, lines: Type.Array(LineReply) })
export const PreviewReply = Strict({ kind: Type.Enum(KINDS), ...TOTALS, lines: Type.Array(LineReply) })

const totals = (of: Totals, currency: string) => ({
  currency,
  subtotal: formatAmount(of.subtotal, currency),
  discount: formatAmount(of.discount, currency),
  tax: formatAmount(of.tax, currency),
  total: formatAmount(of.total, currency),
  credit_applied: formatAmount(of.creditApplied, currency),
  amount_due: formatAmount(of.amountDue, currency),
})

const lineReply = (line: LineDraft, currency: string) => ({
  kind: line.kind,
  meter: line.meter,
  description: line.description,
  quantity: formatDecimal(line.quantity),
  unit_price: formatDecimal(line.unitPrice),
  amount: formatAmount(line.amount, currency),
  period_start: line.period.start.toString(),
  period_end: line.period.end.toString(),
})

export const toReply = (invoice: Invoice) => ({
  id: invoice.id,
  tenant_id: invoice.tenantId,
  subscription_id: invoice.subscriptionId,
  number: invoice.number,
  kind: invoice.kind,
  status: invoice.status,
  ...totals(invoice, invoice.currency),
  amount_paid: formatAmount(invoice.amountPaid, invoice.currency),
  period_start: invoice.period.start.toString(),
  period_end: invoice.period.end.toString(),
  created_at: invoice.createdAt.toString(),
  finalized_at: invoice.finalizedAt?.toString() ?? null,
  due_at: invoice.dueAt?.toString() ?? null,
  paid_at: invoice.paidAt?.toString() ?? null,
  voided_at: invoice.voidedAt?.toString() ?? null,
  void_reason: invoice.voidReason,
})

export const toWholeReply = ({ invoice, lines }: { readonly invoice: Invoice; readonly lines: readonly LineDraft[] }) => ({
  ...toReply(invoice),
  lines: lines.map((line) => lineReply(line, invoice.currency)),
})

export const toPreview = (composition: Draft) => ({
  kind: composition.kind,
  ...totals(composition.totals, composition.currency),
  lines: composition.lines.map((line) => lineReply(line, composition.currency)),
})
