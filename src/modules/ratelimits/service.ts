import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { type AppError, conflict, invalid, notFound } from '../../platform/errors.ts'
import { pageOf } from '../../platform/http/page.ts'
import type { LimitTerms, RateLimit } from './limit.ts'
import {
  findLimit,
  insertLimit,
  listLimits,
  listVersions,
  lockLimit,
  markArchived,
  type PlacedVersion,
  replaceTerms,
} from './store.ts'
import { checkTerms, sameTerms } from './terms.ts'

export interface LimitDeps {
  readonly clock: Clock
  readonly ids: IdSource
}

export const unknownLimit = (id: string): AppError =>
  notFound('rate_limit_not_found', `rate limit ${id} does not exist; GET /rate-limits lists those there are`)

const find = async (tx: ControlTx, id: string): Promise<RateLimit> => {
  const limit = await findLimit(tx, id)
  if (!limit) throw unknownLimit(id)
  return limit
}

/**
 * The operator's limits. What they count is `checkService`'s. Throws 404 `rate_limit_not_found`, 409 `rate_limit_archived`, and of terms what
 * `checkTerms` does.
 */
export const limitService = ({ clock, ids }: LimitDeps) => ({
  list: (tx: ControlTx, { archived = false, ...page }: { archived?: boolean; limit?: number; cursor?: string }) =>
    pageOf(
      page,
      (rows) => listLimits(tx, { archived, ...rows }),
      ({ createdAt, id }) => ({ at: createdAt, id }),
    ),

  /** A limit with a page of its versions, newest first. Throws 400 `cursor_invalid`. */
  async read(
    tx: ControlTx,
    id: string,
    page: { limit?: number; cursor?: string } = {},
  ): Promise<{ limit: RateLimit; versions: readonly PlacedVersion[]; nextCursor: string | null }> {
    const limit = await find(tx, id)
    const { data, nextCursor } = await pageOf(
      page,
      (rows) => {
        if (rows.after && !/^\d{1,9}$/.test(rows.after.id))
          throw invalid('cursor_invalid', 'the cursor is of another list; send next_cursor of the page before')
        return listVersions(tx, id, rows)
      },
      ({ createdAt, version }) => ({ at: createdAt, id: String(version) }),
    )
    return { limit, versions: data, nextCursor }
  },

  async create(tx: ControlTx, terms: LimitTerms): Promise<RateLimit> {
    const id = ids.next('rl')
    await insertLimit(tx, id, checkTerms(terms), clock.now())
    return find(tx, id)
  },

  /** What is given takes the place of what was, as a new version; where nothing differs there is none. */
  async change(tx: ControlTx, id: string, change: Partial<LimitTerms>): Promise<RateLimit> {
    const limit = await lockLimit(tx, id)
    if (!limit) throw unknownLimit(id)
    if (limit.archivedAt) throw conflict('rate_limit_archived', `rate limit ${id} is archived; POST /rate-limits makes a new one`)
    const terms = checkTerms({ ...limit.current, ...change })
    if (sameTerms(terms, limit.current)) return limit
    await replaceTerms(tx, limit, terms, clock.now())
    return find(tx, id)
  },

  /** In force no more; its past stays readable. Archiving again changes nothing. */
  async archive(tx: ControlTx, id: string): Promise<RateLimit> {
    if (!(await lockLimit(tx, id))) throw unknownLimit(id)
    await markArchived(tx, id, clock.now())
    return find(tx, id)
  },
})

export type LimitService = ReturnType<typeof limitService>
