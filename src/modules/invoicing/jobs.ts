import type { Logger } from 'pino'
import type { ScheduledJob } from '../../platform/jobs/jobs.ts'
import type { Subscriber } from '../../platform/outbox/outbox.ts'
import { dueSubscriptions, lockSubscription, renewTo } from '../subscriptions/index.ts'
import type { InvoicingDeps } from './deps.ts'
import { issueInvoice } from './issue-invoice.ts'
import { BILLED_NEWS } from './news.ts'

const BATCH = 100

/** Takes every subscription over the ends of its periods that have passed; one transaction each. Returns how many were due. */
const billDue = (deps: InvoicingDeps) => async (): Promise<number> => {
  const now = deps.clock.now()
  let total = 0
  for (;;) {
    const due = await deps.db.control.asOperator('find subscriptions that are due', (tx) => dueSubscriptions(tx, now, BATCH))
    if (due.length === 0) return total
    for (const { id, tenantId } of due)
      await deps.db.control.inTenant(tenantId, async (tx) => {
        const subscription = await lockSubscription(tx, id)
        if (subscription) await renewTo(deps)(tx, subscription, now)
      })
    total += due.length
  }
}

/** Makes the invoice for each piece of news that is billed. Delivered twice, it finds the invoice made. */
export const invoicingSubscribers = (deps: InvoicingDeps): Readonly<Record<string, readonly Subscriber[]>> => {
  const issue: Subscriber = async ({ type, tenantId, payload }) => {
    if (tenantId !== null) await deps.db.control.inTenant(tenantId, (tx) => issueInvoice(deps)(tx, { type, payload }))
  }
  return Object.fromEntries(BILLED_NEWS.map((type) => [type, [issue]]))
}

export const invoicingJobs = (deps: InvoicingDeps & { readonly log: Logger }): readonly ScheduledJob[] => {
  const bill = billDue(deps)
  return [
    {
      name: 'invoicing-bill-due',
      cron: '* * * * *',
      async run() {
        const due = await bill()
        if (due > 0) deps.log.info({ due }, 'subscriptions entered their next period')
      },
    },
  ]
}
