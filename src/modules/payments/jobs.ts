import type { ScheduledJob } from '../../platform/jobs/jobs.ts'
import type { Payment } from './payment.ts'
import { resolvePayment } from './resolve-payment.ts'
import type { PaymentDeps } from './settle-payment.ts'
import { claimUnresolved } from './store.ts'

/** Asked at once: while a gateway is away each takes as long as its time limit. */
const AT_ONCE = 10

/** Settles what nobody waits for any more. One that fails is logged, looked at in a minute, and keeps no other from it. */
const resolvePayments = (deps: PaymentDeps) => async (): Promise<void> => {
  const { db, clock, log } = deps
  const began = clock.now()
  const resolve = (payment: Payment): Promise<void> =>
    resolvePayment(deps)(payment).catch((error: unknown) =>
      log.error({ err: error, payment: payment.id }, 'a payment could not be settled; it is tried again'),
    )
  for (;;) {
    const due = await db.control.asOperator('find payments nobody has heard of', (tx) =>
      claimUnresolved(tx, { due: began, now: clock.now(), limit: AT_ONCE }),
    )
    if (due.length === 0) return
    await Promise.all(due.map(resolve))
  }
}

export const paymentJobs = (deps: PaymentDeps): readonly ScheduledJob[] => [
  { name: 'payments-resolve', cron: '* * * * *', run: resolvePayments(deps) },
]
