import type { ControlTx } from '../../platform/db/database.ts'
import { findPlanVersions } from '../catalog/index.ts'
import { allowanceOf, type ClosedPeriod, overageTerms, phasesWithin } from '../subscriptions/index.ts'
import type { Arrears } from './arrears.ts'
import type { InvoicingDeps } from './deps.ts'

const ONE = 10n ** 12n

/** The use of closed periods of one subscription with the terms that hold for each, in their order. */
export const loadArrears =
  ({ totals, peakMembers }: Pick<InvoicingDeps, 'totals' | 'peakMembers'>) =>
  async (
    tx: ControlTx,
    { id, tenantId }: { readonly id: string; readonly tenantId: string },
    periods: readonly ClosedPeriod[],
  ): Promise<Arrears[]> => {
    if (periods.length === 0) return []
    const uses = await totals(tenantId, periods)
    const arrears: Arrears[] = []
    for (const [index, period] of periods.entries()) {
      const phases = await phasesWithin(tx, id, period)
      const versions = await findPlanVersions(tx, [...new Set(phases.map(({ planVersionId }) => planVersionId))])
      const users = await peakMembers(tx, tenantId, period)
      const use = uses[index]
      if (!use) throw new Error('the tenant plane answered for fewer periods than were asked for')
      arrears.push({
        period,
        used: { api_calls: use.apiCalls, compute_hours: use.computeHours, storage_gb: use.storageGb, users: BigInt(users) * ONE },
        included: allowanceOf(phases, versions, period.paid, period.whole),
        llmCost: use.llmCost,
        unpriced: use.unpriced,
        terms: overageTerms(phases, versions, period),
      })
    }
    return arrears
  }
