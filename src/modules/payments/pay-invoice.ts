import type { ControlTx, Database } from '../../platform/db/database.ts'
import { conflict, notFound, paymentRequired, unprocessable } from '../../platform/errors.ts'
import { invoiceNotFound, lockInvoice } from '../invoicing/index.ts'
import type { ChargeResult, Payment } from './payment.ts'
import { UNHEARD_FOR } from './resolution.ts'
import { type PaymentDeps, settlePayment } from './settle-payment.ts'
import { insertPayment, openPayment, updatePayment } from './store.ts'

/** The attempt to charge: the one under way, or a new one, written before the gateway hears of it. */
const begin = async (
  { clock, ids, gateway }: PaymentDeps,
  tx: ControlTx,
  invoiceId: string,
  paymentMethod: string,
): Promise<Payment> => {
  const invoice = await lockInvoice(tx, invoiceId)
  if (!invoice) throw invoiceNotFound(invoiceId)
  if (invoice.status === 'paid') throw conflict('invoice_already_paid', `invoice ${invoiceId} is paid`)
  if (invoice.status !== 'open')
    throw conflict('invoice_not_payable', `invoice ${invoiceId} is ${invoice.status}; only an open one can be paid`)
  const now = clock.now()
  const tried = { paymentMethod, resolveAt: now.add(UNHEARD_FOR), updatedAt: now }
  const present = await openPayment(tx, invoiceId)
  if (present) {
    // The first method may have been charged already: nobody knows until the gateway answers.
    if (present.status === 'processing' && present.paymentMethod !== paymentMethod)
      throw conflict(
        'payment_under_way',
        `payment ${present.id} with another payment method is under way; repeat it with that one, or wait a minute until it is settled`,
        { payment_id: present.id },
      )
    const again = { ...present, ...tried }
    await updatePayment(tx, again)
    return again
  }
  const payment: Payment = {
    ...tried,
    id: ids.next('pay'),
    tenantId: invoice.tenantId,
    invoiceId,
    status: 'processing',
    amount: invoice.amountDue,
    currency: invoice.currency,
    gateway: gateway.name,
    gatewayReference: null,
    failureCode: null,
    actionUrl: null,
    createdAt: now,
  }
  await insertPayment(tx, payment)
  return payment
}

/** The gateway's answer; where none comes in time, what it says when it is asked again; undefined: nobody knows yet. */
const charge = async (
  { gateway, log }: PaymentDeps,
  { id, amount, currency, paymentMethod }: Payment,
): Promise<ChargeResult | undefined> => {
  try {
    return await gateway.charge({ idempotencyKey: id, amount, currency, paymentMethod })
  } catch (error) {
    log.warn({ err: error, payment: id }, 'the gateway did not answer; it is asked what became of the charge')
    return gateway.find(id).catch(() => undefined)
  }
}

/**
 * Pays an open invoice: the attempt is written, the gateway asked outside any transaction under the payment's id, its answer written. Stopped
 * anywhere, a repeat resumes the same attempt: the gateway charges once. Throws 402 `payment_declined`; what answers `processing` is settled by a job.
 */
export const payInvoice =
  (deps: PaymentDeps) =>
  async (tenantId: string | undefined, invoiceId: string, paymentMethod: string): Promise<Payment> => {
    if (!deps.gateway.accepts(paymentMethod))
      throw unprocessable('payment_method_invalid', `the gateway ${deps.gateway.name} knows no payment method ${paymentMethod}`)
    const owner = tenantId ?? (await ownerOf(deps.db, invoiceId))
    const payment = await deps.db.control.inTenant(owner, (tx) => begin(deps, tx, invoiceId, paymentMethod))
    const result = await charge(deps, payment)
    const settled = result ? await settlePayment(deps)(payment, result) : payment
    if (settled.status === 'failed')
      throw paymentRequired(
        'payment_declined',
        `the payment failed: ${settled.failureCode}; try again, or another payment method`,
        { payment_id: settled.id, failure_code: settled.failureCode },
      )
    return settled
  }

const ownerOf = async (db: Database, invoiceId: string): Promise<string> => {
  const row = await db.control.asOperator('find whose invoice is paid', (tx) =>
    tx.selectFrom('invoices').select('tenant_id').where('id', '=', invoiceId).executeTakeFirst(),
  )
  if (!row) throw notFound('invoice_not_found', `invoice ${invoiceId} does not exist`)
  return row.tenant_id
}
