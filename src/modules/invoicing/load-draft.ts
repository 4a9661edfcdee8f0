import type { ControlTx } from '../../platform/db/database.ts'
import { findPlanVersions } from '../catalog/index.ts'
import type { Subscription } from '../subscriptions/index.ts'
import { settleArrears } from './arrears.ts'
import { type BilledPeriod, samePeriod, sumBilled } from './billed-period.ts'
import { type Composition, compose } from './compose.ts'
import type { InvoicingDeps } from './deps.ts'
import type { InvoiceKind } from './invoice.ts'
import { loadArrears } from './load-arrears.ts'
import type { Bill } from './news.ts'
import { invoicesOf } from './store.ts'
import { findTaxRate } from './tax-store.ts'

export interface Draft extends Composition {
  readonly kind: InvoiceKind
  readonly billed: readonly BilledPeriod[]
}

/**
 * Decides an invoice and writes nothing: base or proration, the arrears of the closed period, and what earlier periods came to since they
 * were billed. `credit` is what the tenant has.
 */
export const loadDraft =
  (deps: Pick<InvoicingDeps, 'totals' | 'peakMembers'>) =>
  async (tx: ControlTx, subscription: Subscription, bill: Bill, credit: bigint): Promise<Draft> => {
    const { id, tenantId, currency } = subscription
    const { kind, period, closedPeriod, planVersionIds } = bill
    const before = sumBilled((await invoicesOf(tx, id)).flatMap(({ billed }) => billed))
    const isNew = closedPeriod && !before.some((entry) => samePeriod(entry, closedPeriod))
    const arrears = await loadArrears(deps)(tx, subscription, isNew ? [closedPeriod, ...before] : before)
    const settled = arrears.map((each) => {
      const billedBefore = before.find((entry) => samePeriod(entry, each.period))
      return settleArrears(each, billedBefore?.billed)
    })
    const versions = await findPlanVersions(tx, planVersionIds)
    const planName = (versionId: string): string => versions.get(versionId)?.planName ?? versionId
    const lines = [...bill.lines(planName, currency), ...settled.flatMap((each) => each.lines)]
    const tax = await findTaxRate(tx, tenantId)
    return {
      kind,
      ...compose({ currency, period, lines, tax, credit }),
      billed: settled.flatMap(({ entry }) => (entry ? [entry] : [])),
    }
  }
