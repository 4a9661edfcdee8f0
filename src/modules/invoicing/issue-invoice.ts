import type { ControlTx } from '../../platform/db/database.ts'
import { findSubscription, type Subscription } from '../subscriptions/index.ts'
import type { InvoicingDeps } from './deps.ts'
import { insertDraft, insertLines, nextNumber } from './insert-invoice.ts'
import type { Invoice, Line } from './invoice.ts'
import { finalizeEntries } from './ledger.ts'
import { lockCredit, postJournal } from './ledger-store.ts'
import { type Draft, loadDraft } from './load-draft.ts'
import { type Bill, billOf, type News } from './news.ts'
import { findBySource, findInvoice, openInvoice, setStatus } from './store.ts'

const PAYABLE_WITHIN_HOURS = 14 * 24

export interface Issued {
  readonly invoice: Invoice
  /** False: it was there already. */
  readonly created: boolean
}

/**
 * Makes the invoice that the news calls for, final and numbered, with its booking, in the caller's transaction. Whoever comes second finds
 * it there. Answers undefined for news that are not billed, or that come to nothing at all.
 */
export const issueInvoice =
  (deps: InvoicingDeps) =>
  async (tx: ControlTx, news: News): Promise<Issued | undefined> => {
    const bill = billOf(news)
    const subscription = bill && (await findSubscription(tx, bill.subscriptionId))
    if (!subscription) return undefined
    // From here on the money of this tenant is ours alone: what was billed and what is left of its credit stay as they are read.
    const credit = await lockCredit(tx, subscription.tenantId, subscription.currency)
    const present = await findBySource(tx, bill.sourceKey)
    if (present) return { invoice: present, created: false }
    const draft = await loadDraft(deps)(tx, subscription, bill, credit)
    if (draft.lines.length === 0 && draft.billed.length === 0) return undefined
    const invoice = invoiceOf(deps, subscription, bill, draft)
    await insertDraft(tx, invoice, news)
    await insertLines(
      tx,
      invoice,
      draft.lines.map((line, position): Line => ({ ...line, position, id: deps.ids.next('il') })),
    )
    await finalize(deps, tx, invoice)
    const issued = await findInvoice(tx, invoice.id)
    return issued && { invoice: issued, created: true }
  }

const invoiceOf = (
  { clock, ids }: InvoicingDeps,
  { id, tenantId, currency }: Subscription,
  { kind, sourceKey, period }: Bill,
  { totals, billed }: Draft,
): Invoice => ({
  ...totals,
  id: ids.next('inv'),
  tenantId,
  subscriptionId: id,
  number: null,
  kind,
  sourceKey,
  status: 'draft',
  currency,
  period,
  amountPaid: 0n,
  billed,
  createdAt: clock.now(),
  finalizedAt: null,
  dueAt: null,
  paidAt: null,
  voidedAt: null,
  voidReason: null,
})

/** draft → open, and with nothing due → paid: number, booking and news in the same commit. */
const finalize = async ({ clock, ids, outbox }: InvoicingDeps, tx: ControlTx, invoice: Invoice): Promise<void> => {
  const { id, tenantId, currency, amountDue } = invoice
  const at = clock.now()
  const number = await nextNumber(tx)
  await openInvoice(tx, id, { number, at, dueAt: at.add({ hours: PAYABLE_WITHIN_HOURS }) })
  const booked = { tenantId, at, currency, kind: 'invoice_finalized', sourceId: id } as const
  await postJournal(tx, { id: ids.next('jrn'), ...booked, entries: finalizeEntries(invoice) })
  const amount = { amount: String(amountDue), currency }
  await outbox.add(tx, { type: 'invoice.finalized', tenantId, payload: { invoice_id: id, number, ...amount } })
  if (amountDue > 0n) return
  await setStatus(tx, id, { status: 'paid', paid_at: at, amount_paid: 0n })
  await outbox.add(tx, { type: 'invoice.paid', tenantId, payload: { invoice_id: id, payment_id: null, ...amount } })
}
