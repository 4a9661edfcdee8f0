import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import { AppError } from '../../platform/errors.ts'
import { pageOf } from '../../platform/http/page.ts'
import { isMovable, stepOf } from './adaptation.ts'
import { findStanding, insertAdjustment, listAdjustments, saveStanding } from './adjustment-store.ts'
import { type Asker, see } from './askers.ts'
import { unknownLimit } from './service.ts'
import { findLimit, lockLimit } from './store.ts'
import { add, askedOnce, type Counts, endedOnce, nothing, type Outcome, sum, type Tally } from './tally.ts'

export interface AdjustmentDeps {
  readonly db: Pick<Database, 'control'>
  readonly clock: Clock
  readonly ids: IdSource
  /** Hears of a limit that could not be adjusted; what it saw waits. */
  readonly failed: (limitId: string, error: unknown) => void
}

const isDatabaseAway = (error: unknown): boolean => error instanceof AppError && error.kind === 'unavailable'

/** Limits that follow the load: what is seen is noted in memory while requests wait, and every few seconds one server at a time decides. */
export const adjustmentService = ({ db, clock, ids, failed }: AdjustmentDeps) => {
  let noted = new Map<string, Tally>()
  let flushing: Promise<void> | undefined

  const note = (limitId: string, counts: Counts): Tally => {
    const { askers, ...before } = noted.get(limitId) ?? nothing()
    const tally = { ...add(before, counts), askers }
    noted.set(limitId, tally)
    return tally
  }

  /** Before what came since. */
  const putBack = (limitId: string, seen: Tally): void => {
    noted.set(limitId, sum(seen, noted.get(limitId) ?? nothing()))
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

  /** One limit that fails keeps no other from its turn; without the database all wait, and the one that met it comes last next time. */
  const write = async (): Promise<void> => {
    const batch = noted
    noted = new Map()
    for (const [limitId, seen] of batch) {
      batch.delete(limitId)
      try {
        await adjust(limitId, seen)
      } catch (error) {
        failed(limitId, error)
        if (isDatabaseAway(error)) for (const [id, waiting] of batch.entries()) putBack(id, waiting)
        putBack(limitId, seen)
        if (isDatabaseAway(error)) throw error
      }
    }
  }

  return {
    /** One request asked. */
    asked(limitId: string, asker: Asker, refused: boolean): void {
      see(note(limitId, askedOnce(refused)).askers, asker, refused)
    },

    /** One that had passed ended. */
    ended(limitId: string, outcome: Outcome): void {
      note(limitId, endedOnce(outcome))
    },

    /** Lets limits follow what was noted. What one saw that could not be adjusted waits; rejects where the database is away. */
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
