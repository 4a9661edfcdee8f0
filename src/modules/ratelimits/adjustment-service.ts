import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import { pageOf } from '../../platform/http/page.ts'
import { isMovable, stepOf } from './adaptation.ts'
import { findStanding, insertAdjustment, listAdjustments, saveStanding } from './adjustment-store.ts'
import { unknownLimit } from './service.ts'
import { findLimit, lockLimit } from './store.ts'
import { NOTHING, sum, type Tally } from './tally.ts'

export interface AdjustmentDeps {
  readonly db: Pick<Database, 'control'>
  readonly clock: Clock
  readonly ids: IdSource
}

/** Limits that follow the load: what is seen is noted in memory while requests wait, and every few seconds one server at a time decides. */
export const adjustmentService = ({ db, clock, ids }: AdjustmentDeps) => {
  let noted = new Map<string, Tally>()
  let flushing: Promise<void> | undefined

  const note = (limitId: string, seen: Tally): void => {
    noted.set(limitId, sum(noted.get(limitId) ?? NOTHING, seen))
  }

  /** The limit's row is held meanwhile: of several servers each adds what it saw, and one decides. */
  const adjust = (limitId: string, seen: Tally): Promise<void> =>
    db.control.asOperator('adjust a rate limit', async (tx) => {
      const limit = await lockLimit(tx, limitId)
      if (!limit || limit.archivedAt) return
      const { policy, adaptive } = limit.current
      if (!adaptive || !isMovable(policy)) return
      const now = clock.now()
      const before = await findStanding(tx, limit)
      const { standing, change } = stepOf({ ...adaptive, base: policy.limit }, before, seen, now.epochMilliseconds)
      await saveStanding(tx, limit, standing)
      if (change) await insertAdjustment(tx, limit, ids.next('adj'), change, now)
    })

  const write = async (): Promise<void> => {
    const batch = noted
    noted = new Map()
    for (const [limitId, seen] of batch) {
      batch.delete(limitId)
      try {
        await adjust(limitId, seen)
      } catch (error) {
        for (const [id, tally] of [[limitId, seen] as const, ...batch]) note(id, tally)
        throw error
      }
    }
  }

  return {
    note,

    /** Lets limits follow what was noted. On a failure it waits for the next time. */
    async flush(): Promise<void> {
      await flushing?.catch(() => {})
      flushing ??= write().finally(() => {
        flushing = undefined
      })
      return flushing
    },

    /** Newest first. */
    async list(tx: ControlTx, limitId: string, page: { limit?: number; cursor?: string }) {
      if (!(await findLimit(tx, limitId))) throw unknownLimit(limitId)
      return pageOf(
        page,
        (rows) => listAdjustments(tx, limitId, rows),
        ({ createdAt, id }) => ({ at: createdAt, id }),
      )
    },
  }
}

export type AdjustmentService = ReturnType<typeof adjustmentService>
