import type { ControlTx } from '../../platform/db/database.ts'
import type { LimitVersion, RateLimit } from './limit.ts'
import { limitFrom, versionFrom } from './store.ts'

/** Further back than this nothing is counted on from. */
const PAST_VERSIONS = 10

/** Of these limits what held before the current version, the newest first. */
export const pastVersions = async (tx: ControlTx, ids: readonly string[]): Promise<LimitVersion[]> => {
  if (ids.length === 0) return []
  const rows = await tx
    .selectFrom('rate_limit_versions as v')
    .innerJoin('rate_limits as r', 'r.id', 'v.limit_id')
    .selectAll('v')
    .where('v.limit_id', 'in', ids)
    .whereRef('v.version', '<', 'r.version')
    .where(({ eb, ref }) => eb('v.version', '>=', eb(ref('r.version'), '-', PAST_VERSIONS)))
    .orderBy('v.version', 'desc')
    .execute()
  return rows.map(versionFrom)
}

/** A limit as it was at some time. */
export interface PastLimit {
  readonly limit: RateLimit
  /** When the version that held then was replaced or archived; null: it holds. */
  readonly until: Temporal.Instant | null
}

/** Those that were in force then, or these, archived ones too. A level is that of the last adjustment, where it was made under the same policy. */
export const limitsAt = async (tx: ControlTx, at: Temporal.Instant, ids?: readonly string[]): Promise<PastLimit[]> => {
  let query = tx
    .selectFrom('rate_limits as r')
    .innerJoinLateral(
      (eb) =>
        eb
          .selectFrom('rate_limit_versions as v')
          .selectAll('v')
          .whereRef('v.limit_id', '=', 'r.id')
          .where('v.created_at', '<=', at)
          .orderBy('v.version', 'desc')
          .limit(1)
          .as('held'),
      (join) => join.onTrue(),
    )
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom('rate_limit_adjustments as a')
          .innerJoin('rate_limit_versions as v', (join) =>
            join.onRef('v.limit_id', '=', 'a.limit_id').onRef('v.version', '=', 'a.version'),
          )
          .select(['a.new_level', 'v.policy as adjusted'])
          .whereRef('a.limit_id', '=', 'r.id')
          .where('a.created_at', '<=', at)
          .orderBy('a.created_at', 'desc')
          .orderBy('a.id', 'desc')
          .limit(1)
          .as('last'),
      (join) => join.onRef('last.adjusted', '=', 'held.policy'),
    )
    .leftJoin('rate_limit_versions as next', (join) =>
      join.onRef('next.limit_id', '=', 'r.id').on(({ eb, ref }) => eb('next.version', '=', eb(ref('held.version'), '+', 1))),
    )
    .selectAll('held')
    .select(['r.created_at as limit_created_at', 'r.archived_at', 'last.new_level as level', 'next.created_at as replaced_at'])
  query = ids
    ? query.where('r.id', 'in', ids)
    : query
        .where('r.created_at', '<=', at)
        .where(({ eb, or }) => or([eb('r.archived_at', 'is', null), eb('r.archived_at', '>', at)]))
  const rows = ids?.length === 0 ? [] : await query.execute()
  return rows.map(({ replaced_at, archived_at, ...row }) => {
    const wasArchived = archived_at !== null && Temporal.Instant.compare(archived_at, at) <= 0
    return { limit: limitFrom({ ...row, archived_at: wasArchived ? archived_at : null }), until: replaced_at ?? archived_at }
  })
}
