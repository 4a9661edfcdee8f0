import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { insertPlan, insertVersion } from './store.ts'
import { TIER_PLANS } from './tiers.ts'

/** Inserts the five tiers that are missing, as the operator; what was sold already stays as it is. Safe to repeat and to run twice at once. */
export const seedCatalogue = async (tx: ControlTx, { clock, ids }: { clock: Clock; ids: IdSource }): Promise<void> => {
  const now = clock.now()
  for (const [index, { code, name, tier, terms }] of TIER_PLANS.entries()) {
    const createdAt = now.add({ milliseconds: index }) // lists go by age: the tiers come in their order
    if (await insertPlan(tx, { code, name, tier, tenantId: null, createdAt }))
      await insertVersion(tx, { id: ids.next('plv'), planCode: code, version: 1, terms, createdAt })
  }
}
