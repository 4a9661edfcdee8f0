import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import { pageOf } from '../../platform/http/page.ts'
import type { Subject } from './limit.ts'
import { detailsOf, type HourDetail, listHours, type ViolationFilter } from './list-violations.ts'
import type { Answer } from './verdict.ts'
import { boundTotals, lockViolations } from './violation-bound-store.ts'
import { type ViolationCounts, violationCounts } from './violation-counts.ts'
import { addHeavies, addTotals } from './violation-store.ts'

export interface ViolationDeps {
  readonly db: Pick<Database, 'control'>
  readonly clock: Clock
  readonly counts?: ViolationCounts
}

const HOUR_MS = 3_600_000
const NOTHING: HourDetail = { endpoints: [], topKeys: [] }

/** What limits refused: noted in memory while requests wait, written in one commit every few seconds. */
export const violationService = ({ db, clock, counts = violationCounts() }: ViolationDeps) => {
  let flushing: Promise<void> | undefined

  const write = async (): Promise<void> => {
    const batch = counts.drain()
    if (batch.totals.length === 0) return
    try {
      await db.control.asOperator('count what was refused', async (tx) => {
        await lockViolations(tx)
        await addTotals(tx, batch.totals)
        await boundTotals(tx, batch.totals)
        await addHeavies(tx, batch.heavies)
      })
    } catch (error) {
      counts.restore(batch)
      throw error
    }
  }

  return {
    violated({ limitId, key, mode }: Answer, { endpoint = '' }: Subject): void {
      const hour = Math.floor(clock.now().epochMilliseconds / HOUR_MS)
      counts.note({ limitId, key, endpoint, shadow: mode === 'shadow' }, hour)
    },

    /** Writes what was noted. On a failure all of it waits for the next time. */
    async flush(): Promise<void> {
      await flushing?.catch(() => {})
      flushing ??= write().finally(() => {
        flushing = undefined
      })
      return flushing
    },

    list: async (tx: ControlTx, { limit, cursor, ...filter }: ViolationFilter & { limit?: number; cursor?: string }) => {
      const page = await pageOf(
        { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) },
        (rows) => listHours(tx, filter, rows),
        ({ hour, limitId }) => ({ at: hour, id: limitId }),
      )
      const details = await detailsOf(tx, page.data)
      return { data: page.data.map((hour, i) => ({ ...hour, ...(details[i] ?? NOTHING) })), nextCursor: page.nextCursor }
    },
  }
}

export type ViolationService = ReturnType<typeof violationService>
