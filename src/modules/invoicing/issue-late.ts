import type { ControlTx } from '../../platform/db/database.ts'
import { lockSubscription, type Subscription } from '../subscriptions/index.ts'
import type { InvoicingDeps } from './deps.ts'
import type { Invoice } from './invoice.ts'
import { issueInvoice } from './issue-invoice.ts'
import { lateNews } from './news.ts'
import { countInvoices, findBySource, unreplacedSources } from './store.ts'

/** Bills what came in after the final invoice of a subscription that has ended and whose row the caller has locked. */
export const issueLate =
  (deps: InvoicingDeps) =>
  async (tx: ControlTx, { id, endedAt }: Subscription): Promise<Invoice | undefined> => {
    if (!endedAt || !(await findBySource(tx, `${id}:final`))) return undefined
    // Void ones count too: no number ever comes twice.
    const issued = await issueInvoice(deps)(tx, lateNews(id, await countInvoices(tx, id), deps.clock.now()))
    return issued?.created ? issued.invoice : undefined
  }

/** As a job does it, whom nobody asked: what an operator voided is billed anew only where someone asks for it. */
export const issueLateUnasked =
  (deps: InvoicingDeps) =>
  async (tx: ControlTx, subscriptionId: string): Promise<Invoice | undefined> => {
    const subscription = await lockSubscription(tx, subscriptionId)
    if (!subscription || (await unreplacedSources(tx, subscriptionId)).length > 0) return undefined
    return issueLate(deps)(tx, subscription)
  }
