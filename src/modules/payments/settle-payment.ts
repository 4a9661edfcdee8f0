import type { Logger } from 'pino'
import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Outbox } from '../../platform/outbox/outbox.ts'
import { lockInvoice, markPaid } from '../invoicing/index.ts'
import type { BoundedGateway } from './bounded-gateway.ts'
import { type ChargeResult, canMove, type Payment } from './payment.ts'
import { ACTION_LOOK } from './resolution.ts'
import { lockPayment, updatePayment } from './store.ts'

export interface PaymentDeps {
  readonly db: Database
  readonly clock: Clock
  readonly ids: IdSource
  readonly outbox: Outbox
  readonly log: Logger
  readonly gateway: BoundedGateway
}

const after = (payment: Payment, result: ChargeResult, now: Temporal.Instant): Payment => ({
  ...payment,
  status: result.status,
  gatewayReference: result.status === 'failed' ? null : result.reference,
  failureCode: result.status === 'failed' ? result.failureCode : null,
  actionUrl: result.status === 'requires_action' ? result.actionUrl : null,
  resolveAt: result.status === 'requires_action' ? now.add(ACTION_LOOK) : null,
  updatedAt: now,
})

/** Writes what the gateway said, with its booking and news in the same commit. Said twice, the second finds it written. */
export const settlePayment =
  (deps: PaymentDeps) =>
  ({ id, tenantId, invoiceId }: Payment, result: ChargeResult): Promise<Payment> =>
    deps.db.control.inTenant(tenantId, async (tx) => {
      const invoice = await lockInvoice(tx, invoiceId)
      const current = await lockPayment(tx, id)
      if (!invoice || !canMove(current.status, result.status)) {
        if (result.status === 'succeeded' && current.status === 'failed')
          deps.log.error(
            { payment: id, invoice: invoiceId },
            'the gateway took money for a payment that had failed: refund it there',
          )
        return current
      }
      const next = after(current, result, deps.clock.now())
      await updatePayment(tx, next)
      if (next.status === 'succeeded') await markPaid(deps)(tx, invoice, id)
      else if (next.status !== current.status)
        await deps.outbox.add(tx, {
          type: `payment.${next.status}`,
          tenantId,
          payload: { payment_id: id, invoice_id: invoiceId, failure_code: next.failureCode },
        })
      return next
    })
