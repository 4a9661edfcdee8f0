import type { ControlTx } from '../../platform/db/database.ts'
import { notFound } from '../../platform/errors.ts'
import { advance, lockSubscription, renewTo } from '../subscriptions/index.ts'
import type { InvoicingDeps } from './deps.ts'
import type { Invoice, WholeInvoice } from './invoice.ts'
import { issueInvoice } from './issue-invoice.ts'
import { issueLate } from './issue-late.ts'
import type { News } from './news.ts'
import { findBySource, invoicesOf, linesOf, unreplacedSources, waitingNews } from './store.ts'

export interface Generated {
  /** Those made now; where none was due, that of the current period, or the last there is. */
  readonly invoices: readonly WholeInvoice[]
  readonly generated: number
}

export const subscriptionNotFound = (id: string) => notFound('subscription_not_found', `subscription ${id} does not exist`)

const issueAll = async (deps: InvoicingDeps, tx: ControlTx, news: readonly News[]): Promise<Invoice[]> => {
  const made: Invoice[] = []
  for (const each of news) {
    const issued = await issueInvoice(deps)(tx, each)
    if (issued?.created) made.push(issued.invoice)
  }
  return made
}

const withLines = async (tx: ControlTx, invoices: readonly Invoice[]): Promise<WholeInvoice[]> => {
  const lines = await linesOf(
    tx,
    invoices.map(({ id }) => id),
  )
  return invoices.map((invoice) => ({ invoice, lines: lines.get(invoice.id) ?? [] }))
}

/**
 * Takes a subscription over one end of a period and bills it, with all that was to be billed before, in the caller's transaction. Workers
 * at once wait for each other at the row, and who comes second finds nothing due. True: there may be another step.
 */
export const billStep =
  (deps: InvoicingDeps) =>
  async (tx: ControlTx, subscriptionId: string): Promise<boolean> => {
    const subscription = await lockSubscription(tx, subscriptionId)
    const step = subscription && (await advance(deps)(tx, subscription, deps.clock.now()))
    if (step) await issueAll(deps, tx, await waitingNews(tx, subscriptionId))
    return step !== undefined
  }

/**
 * Bills what is due of one subscription now: takes the steps over periods that have ended, makes the invoices that its news call for, those
 * anew that were voided, and after its end what came late. Repeated, or beside a worker, it finds them made.
 */
export const generateInvoices =
  (deps: InvoicingDeps) =>
  async (tx: ControlTx, subscriptionId: string): Promise<Generated> => {
    const locked = await lockSubscription(tx, subscriptionId)
    if (!locked) throw subscriptionNotFound(subscriptionId)
    const subscription = await renewTo(deps)(tx, locked, deps.clock.now())
    const made = await issueAll(deps, tx, [
      ...(await unreplacedSources(tx, subscriptionId)),
      ...(await waitingNews(tx, subscriptionId)),
    ])
    const late = await issueLate(deps)(tx, subscription)
    if (late) made.push(late)
    if (made.length > 0) return { invoices: await withLines(tx, made), generated: made.length }
    const current =
      (await findBySource(tx, `${subscriptionId}:${subscription.period.index}`)) ?? (await invoicesOf(tx, subscriptionId)).at(-1)
    return { invoices: await withLines(tx, current ? [current] : []), generated: 0 }
  }
