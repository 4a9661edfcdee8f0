import type { ControlTx } from '../../platform/db/database.ts'
import type { InvoicingDeps } from './deps.ts'
import type { Invoice } from './invoice.ts'
import { paymentEntries } from './ledger.ts'
import { postJournal } from './ledger-store.ts'
import { setStatus } from './store.ts'

/** A payment took the money of an open invoice, which the caller has locked: booked once for that payment. */
export const markPaid =
  ({ clock, ids, outbox }: Pick<InvoicingDeps, 'clock' | 'ids' | 'outbox'>) =>
  async (tx: ControlTx, invoice: Invoice, paymentId: string): Promise<void> => {
    const { id, tenantId, currency, amountDue } = invoice
    const at = clock.now()
    await setStatus(tx, id, { status: 'paid', paid_at: at, amount_paid: amountDue })
    const booked = { tenantId, at, currency, kind: 'payment_succeeded', sourceId: paymentId } as const
    await postJournal(tx, { id: ids.next('jrn'), ...booked, entries: paymentEntries(amountDue) })
    const payload = { invoice_id: id, payment_id: paymentId, amount: String(amountDue), currency }
    await outbox.add(tx, { type: 'invoice.paid', tenantId, payload })
  }
