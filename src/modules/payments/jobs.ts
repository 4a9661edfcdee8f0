import type { ScheduledJob } from '../../platform/jobs/jobs.ts'
import { type PaymentDeps, resolvePayment } from './pay-invoice.ts'
import { unresolvedPayments } from './store.ts'

const PATIENCE_SECONDS = 60

/** Settles payments whose answer was lost, with the process that waited for it perhaps. One that fails is logged and keeps no other from it. */
const resolvePayments = (deps: PaymentDeps) => async (): Promise<number> => {
  const before = deps.clock.now().subtract({ seconds: PATIENCE_SECONDS })
  const waiting = await deps.db.control.asOperator('find payments nobody has heard of', (tx) => unresolvedPayments(tx, before))
  for (const payment of waiting)
    await resolvePayment(deps)(payment).catch((error: unknown) =>
      deps.log.error({ err: error, payment: payment.id }, 'a payment could not be settled; it is tried again'),
    )
  return waiting.length
}

export const paymentJobs = (deps: PaymentDeps): readonly ScheduledJob[] => {
  const resolve = resolvePayments(deps)
  return [
    {
      name: 'payments-resolve',
      cron: '* * * * *',
      async run() {
        await resolve()
      },
    },
  ]
}
