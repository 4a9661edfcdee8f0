import type { ControlTx } from '../../platform/db/database.ts'
import { type ClosedPeriod, findSubscription, followingPeriod, type Subscription } from '../subscriptions/index.ts'
import type { InvoicingDeps } from './deps.ts'
import { subscriptionNotFound } from './generate-invoices.ts'
import { creditOf } from './ledger-store.ts'
import { type Draft, loadDraft } from './load-draft.ts'
import { type Bill, baseLine } from './news.ts'

/** The use of the running period so far against the whole period's allowance. */
const useSoFar = ({ period, status, endedAt }: Subscription, now: Temporal.Instant): ClosedPeriod | undefined => {
  const { index, start, end } = period
  const until = Temporal.Instant.compare(now, end) < 0 ? now : end
  if (status === 'trialing' || endedAt || Temporal.Instant.compare(start, until) >= 0) return undefined
  return { index, start, end: until, paid: { start, end }, whole: { start, end } }
}

/** The invoice that would come if the period ended now: the base of the next period and the use of this one so far. Nothing is written. */
export const previewInvoice =
  (deps: Pick<InvoicingDeps, 'clock' | 'totals' | 'peakMembers'>) =>
  async (tx: ControlTx, subscriptionId: string): Promise<Draft> => {
    const subscription = await findSubscription(tx, subscriptionId)
    if (!subscription) throw subscriptionNotFound(subscriptionId)
    const { endedAt, scheduled, cancelAtPeriodEnd, currency, tenantId } = subscription
    const next = scheduled ?? subscription
    const goesOn = endedAt === null && !cancelAtPeriodEnd
    const { start, end } = goesOn ? followingPeriod(subscription) : subscription.period
    const bill: Bill = {
      kind: goesOn ? 'period' : 'final',
      sourceKey: '',
      subscriptionId,
      period: { start, end },
      closedPeriod: useSoFar(subscription, deps.clock.now()),
      planVersionIds: [next.planVersionId],
      lines: (planName) => (goesOn ? [baseLine(planName(next.planVersionId), next, { start, end }, currency)] : []),
    }
    return loadDraft(deps)(tx, subscription, bill, await creditOf(tx, tenantId, currency))
  }
