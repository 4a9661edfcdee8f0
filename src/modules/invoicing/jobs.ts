import type { Logger } from 'pino'
import type { ScheduledJob } from '../../platform/jobs/jobs.ts'
import type { Subscriber } from '../../platform/outbox/outbox.ts'
import { dueSubscriptions } from '../subscriptions/index.ts'
import type { InvoicingDeps } from './deps.ts'
import { billStep } from './generate-invoices.ts'
import { issueInvoice } from './issue-invoice.ts'
import { issueLateUnasked } from './issue-late.ts'
import { BILLED_NEWS } from './news.ts'
import { finalInvoices } from './store.ts'

const BATCH = 100
/** So long after its final invoice a subscription's late use is billed without being asked for. */
const LATE_WITHIN_HOURS = 90 * 24

type JobDeps = InvoicingDeps & { readonly log: Logger }

/**
 * Takes every subscription over the ends of its periods that have passed and bills each, a transaction a step. One that cannot be billed is
 * logged and left for the next run: it keeps nobody else from it. Returns how many were billed.
 */
const billDue = (deps: JobDeps) => async (): Promise<number> => {
  const { control } = deps.db
  const failed = new Set<string>()
  let billed = 0
  for (;;) {
    // The failed ones come first, being overdue longest: ask for that many more.
    const limit = BATCH + failed.size
    const due = await control.asOperator('find subscriptions that are due', (tx) => dueSubscriptions(tx, deps.clock.now(), limit))
    const waiting = due.filter(({ id }) => !failed.has(id))
    if (waiting.length === 0) return billed
    for (const { id, tenantId } of waiting)
      try {
        while (await control.inTenant(tenantId, (tx) => billStep(deps)(tx, id)));
        billed += 1
      } catch (error) {
        failed.add(id)
        deps.log.error(
          { err: error, subscription: id, tenant_id: tenantId },
          'a subscription could not be billed; it is tried again',
        )
      }
  }
}

/** Bills the use of ended subscriptions that came after their final invoice, a transaction each. Returns how many invoices were made. */
const billLate = (deps: JobDeps) => async (): Promise<number> => {
  const { control } = deps.db
  let since = { at: deps.clock.now().subtract({ hours: LATE_WITHIN_HOURS }), id: '' }
  let billed = 0
  for (;;) {
    const finals = await control.asOperator('find subscriptions that ended of late', (tx) =>
      finalInvoices(tx, { since, limit: BATCH }),
    )
    for (const { subscriptionId, tenantId } of finals)
      try {
        if (await control.inTenant(tenantId, (tx) => issueLateUnasked(deps)(tx, subscriptionId))) billed += 1
      } catch (error) {
        deps.log.error(
          { err: error, subscription: subscriptionId, tenant_id: tenantId },
          'late use of a subscription could not be billed; it is tried again tomorrow',
        )
      }
    const last = finals.at(-1)
    if (!last || finals.length < BATCH) return billed
    since = last
  }
}

/** Makes the invoice for each piece of news that is billed. Delivered twice, it finds the invoice made. */
export const invoicingSubscribers = (deps: InvoicingDeps): Readonly<Record<string, readonly Subscriber[]>> => {
  const issue: Subscriber = async ({ type, tenantId, payload }) => {
    if (tenantId !== null) await deps.db.control.inTenant(tenantId, (tx) => issueInvoice(deps)(tx, { type, payload }))
  }
  return Object.fromEntries(BILLED_NEWS.map((type) => [type, [issue]]))
}

export const invoicingJobs = (deps: JobDeps): readonly ScheduledJob[] => {
  const bill = billDue(deps)
  const late = billLate(deps)
  return [
    {
      name: 'invoicing-bill-due',
      cron: '* * * * *',
      async run() {
        const due = await bill()
        if (due > 0) deps.log.info({ due }, 'subscriptions entered their next period')
      },
    },
    {
      // Once a day: what trickles in makes one invoice a day, not one a minute.
      name: 'invoicing-bill-late',
      cron: '23 4 * * *',
      async run() {
        const invoices = await late()
        if (invoices > 0) deps.log.info({ invoices }, 'use that came after the end of its subscription was billed')
      },
    },
  ]
}
