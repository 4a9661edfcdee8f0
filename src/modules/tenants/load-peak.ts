import type { Period } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { peakConcurrent } from './peak.ts'
import { membershipsWithin } from './user-store.ts'

/** The most members that the tenant had at once within the half-open period: the meter `users`. */
export const peakMembers = async (tx: ControlTx, tenantId: string, period: Period): Promise<number> =>
  peakConcurrent(await membershipsWithin(tx, tenantId, period), period)
