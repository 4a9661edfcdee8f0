import type { ControlTx } from '../../platform/db/database.ts'
import { findPlanVersions } from '../catalog/index.ts'
import { findSubscription, type Subscription } from '../subscriptions/index.ts'
import { adjustmentLines, amountsOf, arrearsLines } from './arrears.ts'
import { type Composition, compose } from './compose.ts'
import type { InvoicingDeps } from './deps.ts'
import type { BilledPeriod, Invoice, Line } from './invoice.ts'
import { finalizeEntries } from './ledger.ts'
import { lockCredit, postJournal } from './ledger-store.ts'
import { type Closed, loadArrears } from './load-arrears.ts'
import { type Bill, billOf, type News } from './news.ts'
import {
  findBySource,
  findInvoice,
  findTax,
  insertDraft,
  insertLines,
  invoicesOf,
  nextNumber,
  openInvoice,
  setStatus,
} from './store.ts'

const PAYABLE_WITHIN_DAYS = 14

export interface Issued {
  readonly invoice: Invoice
  /** False: it was there already. */
  readonly created: boolean
}

const text = ({ start, end }: { readonly start: Temporal.Instant; readonly end: Temporal.Instant }) => ({
  start: start.toString(),
  end: end.toString(),
})
const instants = ({ start, end }: { readonly start: string; readonly end: string }) => ({
  start: Temporal.Instant.from(start),
  end: Temporal.Instant.from(end),
})
const keyOf = ({ start, end }: { readonly start: string; readonly end: string }): string => `${start} ${end}`

const asText = (amounts: Readonly<Record<string, bigint>>): Record<string, string> =>
  Object.fromEntries(Object.entries(amounts).map(([meter, amount]) => [meter, String(amount)]))
const asMinor = (amounts: Readonly<Record<string, string>>): Record<string, bigint> =>
  Object.fromEntries(Object.entries(amounts).map(([meter, amount]) => [meter, BigInt(amount)]))

/** What was billed last for each closed period, oldest first. */
const billedBefore = (invoices: readonly Invoice[]): BilledPeriod[] => {
  const latest = new Map(invoices.flatMap(({ billed }) => billed.map((entry) => [keyOf(entry), entry] as const)))
  return [...latest.values()]
}

export interface Drafted {
  readonly composition: Composition
  readonly billed: readonly BilledPeriod[]
}

/** Decides an invoice without writing it: base or proration, arrears of the closed period, adjustments of earlier ones. */
export const draftInvoice =
  (deps: Pick<InvoicingDeps, 'totals' | 'peakMembers'>) =>
  async (tx: ControlTx, subscription: Subscription, bill: Bill, credit: bigint): Promise<Drafted> => {
    const { id, tenantId, currency } = subscription
    const before = billedBefore(await invoicesOf(tx, id))
    const closed: Closed[] = bill.closedPeriod ? [bill.closedPeriod] : []
    const earlier = before.filter((entry) => !bill.closedPeriod || keyOf(entry) !== keyOf(text(bill.closedPeriod)))
    const periods = [
      ...closed,
      ...earlier.map((entry) => ({ ...instants(entry), paid: instants(entry.paid), whole: instants(entry.whole) })),
    ]
    const arrears = await loadArrears(deps)(tx, tenantId, id, periods)
    const now = arrears.slice(0, closed.length)
    const late = arrears.slice(closed.length)
    const versions = await findPlanVersions(tx, bill.planVersionIds)
    const lines = [
      ...bill.lines((versionId) => versions.get(versionId)?.planName ?? versionId, currency),
      ...now.flatMap(arrearsLines),
      ...late.flatMap((each, i) => adjustmentLines(each, asMinor(earlier[i]?.billed ?? {}))),
    ]
    const billed: BilledPeriod[] = [
      ...now.flatMap((each): BilledPeriod[] => {
        const { closedPeriod } = bill
        return closedPeriod
          ? [
              {
                index: closedPeriod.index,
                ...text(closedPeriod),
                paid: text(closedPeriod.paid),
                whole: text(closedPeriod.whole),
                billed: asText(amountsOf(each)),
              },
            ]
          : []
      }),
      ...late.flatMap((each, i): BilledPeriod[] => {
        const entry = earlier[i]
        const amounts = asText(amountsOf(each))
        return entry && adjustmentLines(each, asMinor(entry.billed)).length > 0 ? [{ ...entry, billed: amounts }] : []
      }),
    ]
    const tax = await findTax(tx, tenantId)
    return { composition: compose({ kind: bill.kind, currency, lines, tax, credit }), billed }
  }

/**
 * Makes the invoice that the news calls for, final and numbered, with its booking, in the caller's transaction. Whoever comes second finds
 * it there. A final invoice with nothing on it is not made. Answers undefined for news that are not billed.
 */
export const issueInvoice =
  (deps: InvoicingDeps) =>
  async (tx: ControlTx, news: News): Promise<Issued | undefined> => {
    const bill = billOf(news)
    if (!bill) return undefined
    const present = await findBySource(tx, bill.sourceKey)
    if (present) return { invoice: present, created: false }
    const subscription = await findSubscription(tx, bill.subscriptionId)
    if (!subscription) return undefined
    const credit = await lockCredit(tx, subscription.tenantId, subscription.currency)
    const { composition, billed } = await draftInvoice(deps)(tx, subscription, bill, credit)
    if (composition.lines.length === 0) return undefined
    const draft = draftOf(deps, subscription, bill, composition, billed)
    if (!(await insertDraft(tx, draft, news))) {
      const other = await findBySource(tx, bill.sourceKey)
      return other && { invoice: other, created: false }
    }
    const lines = composition.lines.map((line, position): Line => ({ ...line, position, id: deps.ids.next('il') }))
    await insertLines(tx, draft, lines)
    await finalize(deps, tx, draft)
    const invoice = await findInvoice(tx, draft.id)
    return invoice && { invoice, created: true }
  }

const draftOf = (
  { clock, ids }: InvoicingDeps,
  { id, tenantId, currency }: Subscription,
  bill: Bill,
  { totals }: Composition,
  billed: readonly BilledPeriod[],
): Invoice => ({
  ...totals,
  id: ids.next('inv'),
  tenantId,
  subscriptionId: id,
  number: null,
  kind: bill.kind,
  sourceKey: bill.sourceKey,
  status: 'draft',
  currency,
  period: { start: bill.period.start, end: bill.period.end },
  amountPaid: 0n,
  billed,
  createdAt: clock.now(),
  finalizedAt: null,
  dueAt: null,
  paidAt: null,
  voidedAt: null,
})

/** draft → open, and with nothing due → paid: number, booking and news in the same commit. */
const finalize = async ({ clock, ids, outbox }: InvoicingDeps, tx: ControlTx, invoice: Invoice): Promise<void> => {
  const { id, tenantId, currency } = invoice
  const at = clock.now()
  const number = await nextNumber(tx)
  await openInvoice(tx, id, number, at, at.add({ hours: 24 * PAYABLE_WITHIN_DAYS }))
  await postJournal(tx, {
    id: ids.next('jrn'),
    tenantId,
    at,
    kind: 'invoice_finalized',
    sourceId: id,
    currency,
    entries: finalizeEntries(invoice),
  })
  if (invoice.amountDue === 0n) await setStatus(tx, id, 'paid', { paid_at: at })
  await outbox.add(tx, {
    type: 'invoice.finalized',
    tenantId,
    payload: { invoice_id: id, number, amount_due: String(invoice.amountDue), currency },
  })
}
