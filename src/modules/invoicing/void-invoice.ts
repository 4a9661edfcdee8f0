import type { ControlTx } from '../../platform/db/database.ts'
import { conflict, notFound } from '../../platform/errors.ts'
import type { InvoicingDeps } from './deps.ts'
import { canMove, type Invoice } from './invoice.ts'
import { voidEntries } from './ledger.ts'
import { lockCredit, postJournal } from './ledger-store.ts'
import { lockInvoice, setStatus } from './store.ts'

export const invoiceNotFound = (id: string) => notFound('invoice_not_found', `invoice ${id} does not exist`)

/** Takes an open invoice back: its booking is reversed and the credit it used returns. What it billed can then be billed anew. */
export const voidInvoice =
  ({ clock, ids, outbox, paymentUnderWay }: InvoicingDeps) =>
  async (tx: ControlTx, id: string, reason: string | null): Promise<Invoice> => {
    const invoice = await lockInvoice(tx, id)
    if (!invoice) throw invoiceNotFound(id)
    const { tenantId, currency, status, number } = invoice
    if (!canMove(status, 'void'))
      throw conflict('invoice_not_voidable', `invoice ${id} is ${status}; only an open one can be voided`, { status })
    const payment = await paymentUnderWay(tx, id)
    if (payment)
      throw conflict('invoice_being_paid', `payment ${payment} of invoice ${id} is under way; void it when that has failed`)
    const at = clock.now()
    await lockCredit(tx, tenantId, currency)
    await setStatus(tx, id, { status: 'void', voided_at: at, void_reason: reason })
    const booked = { tenantId, at, currency, kind: 'invoice_voided', sourceId: id } as const
    await postJournal(tx, { id: ids.next('jrn'), ...booked, entries: voidEntries(invoice) })
    await outbox.add(tx, { type: 'invoice.voided', tenantId, payload: { invoice_id: id, number, reason } })
    return { ...invoice, status: 'void', voidedAt: at, voidReason: reason }
  }
