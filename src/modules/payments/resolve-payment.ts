import type { Payment } from './payment.ts'
import { decideResolution } from './resolution.ts'
import { type PaymentDeps, settlePayment } from './settle-payment.ts'

/** Asks the gateway what became of a payment that was left under way, and writes it. Throws where the gateway cannot be asked. */
export const resolvePayment =
  (deps: PaymentDeps) =>
  async (payment: Payment): Promise<void> => {
    const resolution = decideResolution(payment, await deps.gateway.find(payment.id), deps.clock.now())
    if (resolution.do === 'wait') return
    const result = resolution.do === 'settle' ? resolution.result : await deps.gateway.cancel(payment.id, resolution.why)
    await settlePayment(deps)(payment, result)
  }
