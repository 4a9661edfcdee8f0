import type { Logger } from 'pino'
import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import { conflict, notFound, paymentRequired, unprocessable } from '../../platform/errors.ts'
import type { Outbox } from '../../platform/outbox/outbox.ts'
import { invoiceNotFound, lockInvoice, markPaid } from '../invoicing/index.ts'
import type { ChargeResult, Payment, PaymentGateway } from './payment.ts'
import { insertPayment, lockPayment, openPayment, updatePayment } from './store.ts'

export interface PaymentDeps {
  readonly db: Database
  readonly clock: Clock
  readonly ids: IdSource
  readonly outbox: Outbox
  readonly log: Logger
  readonly gateway: PaymentGateway
}

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
  const present = await openPayment(tx, invoiceId)
  if (present) {
    const again = {
      ...present,
      paymentMethod: present.status === 'requires_action' ? paymentMethod : present.paymentMethod,
      updatedAt: now,
    }
    await updatePayment(tx, again)
    return again
  }
  const payment: Payment = {
    id: ids.next('pay'),
    tenantId: invoice.tenantId,
    invoiceId,
    status: 'processing',
    amount: invoice.amountDue,
    currency: invoice.currency,
    gateway: gateway.name,
    paymentMethod,
    gatewayReference: null,
    failureCode: null,
    actionUrl: null,
    createdAt: now,
    updatedAt: now,
  }
  await insertPayment(tx, payment)
  return payment
}

/** Writes what the gateway said. Said twice, the second finds it written. */
const settle = (deps: PaymentDeps, payment: Payment, result: ChargeResult): Promise<Payment> =>
  deps.db.control.inTenant(payment.tenantId, async (tx) => {
    const invoice = await lockInvoice(tx, payment.invoiceId)
    const current = await lockPayment(tx, payment.id)
    if (!invoice || current.status === 'succeeded' || current.status === 'failed') return current
    const next: Payment = {
      ...current,
      status: result.status,
      gatewayReference: result.status === 'failed' ? null : result.reference,
      failureCode: result.status === 'failed' ? result.failureCode : null,
      actionUrl: result.status === 'requires_action' ? result.actionUrl : null,
      updatedAt: deps.clock.now(),
    }
    await updatePayment(tx, next)
    if (next.status === 'succeeded') await markPaid(deps)(tx, invoice, next.id)
    else
      await deps.outbox.add(tx, {
        type: `payment.${next.status}`,
        tenantId: next.tenantId,
        payload: { payment_id: next.id, invoice_id: next.invoiceId },
      })
    return next
  })

/** The gateway's answer; where none comes, what it says when it is asked again; undefined: nobody knows yet. */
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

/** Asks what became of a payment that was left under way, and charges it if it never arrived. */
export const resolvePayment =
  (deps: PaymentDeps) =>
  async (payment: Payment): Promise<Payment> => {
    const result = (await deps.gateway.find(payment.id)) ?? (await charge(deps, payment))
    return result ? settle(deps, payment, result) : payment
  }

/**
 * Pays an open invoice: the attempt is written, the gateway asked outside any transaction under the payment's id, its answer written. Stopped
 * anywhere, a repeat resumes the same attempt: the gateway charges once. Throws 402 `payment_declined`; a payment that answers `processing` is settled by a job.
 */
export const payInvoice =
  (deps: PaymentDeps) =>
  async (tenantId: string | undefined, invoiceId: string, paymentMethod: string): Promise<Payment> => {
    if (!deps.gateway.accepts(paymentMethod))
      throw unprocessable('payment_method_invalid', `the gateway ${deps.gateway.name} knows no payment method ${paymentMethod}`)
    const owner = tenantId ?? (await ownerOf(deps.db, invoiceId))
    const payment = await deps.db.control.inTenant(owner, (tx) => begin(deps, tx, invoiceId, paymentMethod))
    const result = await charge(deps, payment)
    const settled = result ? await settle(deps, payment, result) : payment
    if (settled.status === 'failed')
      throw paymentRequired('payment_declined', `the payment was declined: ${settled.failureCode}; try another payment method`, {
        payment_id: settled.id,
        failure_code: settled.failureCode,
      })
    return settled
  }

const ownerOf = async (db: Database, invoiceId: string): Promise<string> => {
  const row = await db.control.asOperator('find whose invoice is paid', (tx) =>
    tx.selectFrom('invoices').select('tenant_id').where('id', '=', invoiceId).executeTakeFirst(),
  )
  if (!row) throw notFound('invoice_not_found', `invoice ${invoiceId} does not exist`)
  return row.tenant_id
}
