import type { ControlTx } from '../../platform/db/database.ts'
import { type ClosedPeriod, loadRated, type Subscription } from '../subscriptions/index.ts'
import type { Arrears } from './arrears.ts'
import type { InvoicingDeps } from './deps.ts'

/** The use of closed periods of one subscription with the terms that hold for each, in their order. */
export const loadArrears =
  (deps: Pick<InvoicingDeps, 'totals' | 'peakMembers'>) =>
  async (tx: ControlTx, subscription: Subscription, periods: readonly ClosedPeriod[]): Promise<Arrears[]> => {
    const rated = await loadRated(deps)(tx, subscription, periods)
    return periods.flatMap((period, index) => {
      const use = rated[index]
      if (!use) return []
      const { llmCost, unpriced } = use.totals
      return { period, currency: subscription.currency, used: use.used, parts: use.parts, llmCost, unpriced }
    })
  }
