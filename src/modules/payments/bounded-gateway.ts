import type { Charge, ChargeResult, GivenUp, PaymentGateway } from './payment.ts'

const ANSWERS_WITHIN_MS = 10_000

/** A gateway as its callers see it: each question ends in time, by an answer or by throwing. */
export interface BoundedGateway extends Pick<PaymentGateway, 'name' | 'accepts'> {
  charge(charge: Charge): Promise<ChargeResult>
  find(idempotencyKey: string): Promise<ChargeResult | undefined>
  cancel(idempotencyKey: string, why: GivenUp): Promise<ChargeResult>
}

/** The signal tells the gateway to stop; one that does not listen is no longer waited for. */
const within = <T>(timeoutMs: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const signal = AbortSignal.timeout(timeoutMs)
  const late = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  return Promise.race([ask(signal), late])
}

export const boundedGateway = (gateway: PaymentGateway, timeoutMs = ANSWERS_WITHIN_MS): BoundedGateway => ({
  name: gateway.name,
  accepts: (paymentMethod) => gateway.accepts(paymentMethod),
  charge: (charge) => within(timeoutMs, (signal) => gateway.charge(charge, signal)),
  find: (key) => within(timeoutMs, (signal) => gateway.find(key, signal)),
  cancel: (key, why) => within(timeoutMs, (signal) => gateway.cancel(key, why, signal)),
})
