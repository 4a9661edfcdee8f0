import type { ControlTx, Database } from '../../platform/db/database.ts'
import { findPlanVersion, type Tier } from '../catalog/index.ts'
import { advancedTo } from './period-advance.ts'
import { liveSubscription, phaseAt } from './store.ts'

/** The plan version at a past instant, also where nobody has taken the steps up to it yet. */
const planVersionAt = async (tx: ControlTx, tenantId: string, at: Temporal.Instant): Promise<string | undefined> => {
  const phase = await phaseAt(tx, tenantId, at)
  if (!phase?.isOpen) return phase?.planVersionId
  const stored = await liveSubscription(tx, tenantId)
  if (stored?.id !== phase.subscriptionId) return phase.planVersionId
  const then = advancedTo(stored, at)
  return then.endedAt ? undefined : then.planVersionId
}

/** The tier of the plan that a tenant was on at an instant that is not to come; undefined: it had no subscription. */
export const tierAt =
  ({ db }: { readonly db: Pick<Database, 'lookup'> }) =>
  (tenantId: string, at: Temporal.Instant): Promise<Tier | undefined> =>
    db.lookup(async (tx) => {
      const planVersionId = await planVersionAt(tx, tenantId, at)
      return planVersionId === undefined ? undefined : (await findPlanVersion(tx, planVersionId))?.tier
    })
