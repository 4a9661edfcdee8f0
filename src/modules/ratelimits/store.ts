import type { Selectable } from 'kysely'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ControlTx } from '../../platform/db/database.ts'
import type { RateLimitsTable, RateLimitVersionsTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import { LIMIT_SCOPES, type LimitTerms, type LimitVersion, MODES, ON_UNAVAILABLE, type RateLimit } from './limit.ts'
import { LimitPolicyBody } from './policy-schema.ts'
import { OverrideBody, ReserveBody } from './schema.ts'
import { limitPolicyFrom, overrideFrom, reserveFrom, scheduleFrom, statedTerms } from './stated.ts'
import { ScheduleBody } from './timetable-schema.ts'

const Stored = Type.Object({
  scopes: Type.Array(Type.Enum([...LIMIT_SCOPES])),
  policy: LimitPolicyBody,
  overrides: Type.Array(OverrideBody),
  schedule: ScheduleBody,
  reserved: Type.Array(ReserveBody),
  mode: Type.Enum([...MODES]),
  on_unavailable: Type.Enum([...ON_UNAVAILABLE]),
  leased: Type.Boolean(),
})

type VersionRow = Selectable<RateLimitVersionsTable>
type Row = VersionRow & { readonly limit_created_at: Selectable<RateLimitsTable>['created_at'] } & Pick<
    Selectable<RateLimitsTable>,
    'archived_at'
  > & { readonly level: bigint | null }

export const versionFrom = ({
  limit_id,
  version,
  name,
  endpoints,
  resources,
  priority,
  created_at,
  ...row
}: VersionRow): LimitVersion => {
  const stored: unknown = row
  if (!Value.Check(Stored, stored)) throw new Error(`version ${version} of ${limit_id} is of no form that this server knows`)
  return {
    limitId: limit_id,
    version,
    name,
    scopes: stored.scopes,
    ...limitPolicyFrom(stored.policy),
    overrides: stored.overrides.map(overrideFrom),
    endpoints,
    resources,
    schedule: scheduleFrom(stored.schedule),
    reserved: stored.reserved.map(reserveFrom),
    priority,
    mode: stored.mode,
    onUnavailable: stored.on_unavailable,
    leased: stored.leased,
    createdAt: created_at,
  }
}

export const limitFrom = (row: Row): RateLimit => ({
  id: row.limit_id,
  createdAt: row.limit_created_at,
  archivedAt: row.archived_at,
  current: versionFrom(row),
  level: row.level === null ? null : Number(row.level),
})

const limits = (tx: ControlTx) =>
  tx
    .selectFrom('rate_limits')
    .innerJoin('rate_limit_versions as current', (join) =>
      join.onRef('current.limit_id', '=', 'rate_limits.id').onRef('current.version', '=', 'rate_limits.version'),
    )
    .leftJoin('rate_limit_levels as found', (join) =>
      join.onRef('found.limit_id', '=', 'rate_limits.id').onRef('found.policy', '=', 'current.policy'),
    )
    .selectAll('current')
    .select(['rate_limits.created_at as limit_created_at', 'archived_at', 'found.level'])

export const findLimit = async (tx: ControlTx, id: string): Promise<RateLimit | undefined> => {
  const row = await limits(tx).where('rate_limits.id', '=', id).executeTakeFirst()
  return row && limitFrom(row)
}

/** As `findLimit`, for whoever is to change it: others wait. */
export const lockLimit = async (tx: ControlTx, id: string): Promise<RateLimit | undefined> => {
  const locked = await tx.selectFrom('rate_limits').select('id').where('id', '=', id).forUpdate().executeTakeFirst()
  return locked && findLimit(tx, id)
}

export const findLimits = async (tx: ControlTx, ids: readonly string[]): Promise<RateLimit[]> =>
  ids.length === 0 ? [] : (await limits(tx).where('rate_limits.id', 'in', ids).execute()).map(limitFrom)

/** Those in force, which version of each, and at which level. */
export const liveVersions = async (tx: ControlTx): Promise<{ id: string; version: number; level: number | null }[]> => {
  const live = await tx
    .selectFrom('rate_limits as r')
    .leftJoin('rate_limit_levels as l', (join) =>
      join
        .onRef('l.limit_id', '=', 'r.id')
        .on(({ exists, selectFrom }) =>
          exists(
            selectFrom('rate_limit_versions as v')
              .select('v.version')
              .whereRef('v.limit_id', '=', 'r.id')
              .whereRef('v.version', '=', 'r.version')
              .whereRef('v.policy', '=', 'l.policy'),
          ),
        ),
    )
    .select(['r.id', 'r.version', 'l.level'])
    .where('r.archived_at', 'is', null)
    .execute()
  return live.map(({ level, ...rest }) => ({ ...rest, level: level === null ? null : Number(level) }))
}

export interface Rows {
  readonly limit: number
  readonly after: Keyset | undefined
}

/** A version, and when the next one took its place; null: there is none. */
export interface PlacedVersion extends LimitVersion {
  readonly replacedAt: Temporal.Instant | null
}

/** Newest first. */
export const listVersions = async (tx: ControlTx, id: string, { limit, after }: Rows): Promise<PlacedVersion[]> => {
  let query = tx
    .selectFrom('rate_limit_versions as v')
    .leftJoin('rate_limit_versions as next', (join) =>
      join.onRef('next.limit_id', '=', 'v.limit_id').on('next.version', '=', ({ eb, ref }) => eb(ref('v.version'), '+', 1)),
    )
    .selectAll('v')
    .select('next.created_at as replaced_at')
    .where('v.limit_id', '=', id)
  if (after) query = query.where('v.version', '<', Number(after.id))
  const rows = await query.orderBy('v.version', 'desc').limit(limit).execute()
  return rows.map((row) => ({ ...versionFrom(row), replacedAt: row.replaced_at }))
}

export interface LimitFilter extends Rows {
  readonly archived: boolean
}

/** Oldest first. */
export const listLimits = async (tx: ControlTx, { archived, limit, after }: LimitFilter): Promise<RateLimit[]> => {
  let query = limits(tx).where('archived_at', archived ? 'is not' : 'is', null)
  if (after)
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple('rate_limits.created_at', 'rate_limits.id'), '>', tuple(after.at, after.id)),
    )
  return (await query.orderBy('rate_limits.created_at').orderBy('rate_limits.id').limit(limit).execute()).map(limitFrom)
}

const insertVersion = async (
  tx: ControlTx,
  limitId: string,
  version: number,
  terms: LimitTerms,
  at: Temporal.Instant,
): Promise<void> => {
  const { policy, overrides, schedule, reserved, ...rest } = statedTerms(terms)
  await tx
    .insertInto('rate_limit_versions')
    .values({
      ...rest,
      policy: JSON.stringify(policy),
      overrides: JSON.stringify(overrides),
      schedule: JSON.stringify(schedule),
      reserved: JSON.stringify(reserved),
      limit_id: limitId,
      version,
      created_at: at,
    })
    .execute()
}

export const insertLimit = async (tx: ControlTx, id: string, terms: LimitTerms, at: Temporal.Instant): Promise<void> => {
  await tx.insertInto('rate_limits').values({ id, version: 1, created_at: at, archived_at: null }).execute()
  await insertVersion(tx, id, 1, terms, at)
}

/** The next version, which holds from now on. */
export const replaceTerms = async (
  tx: ControlTx,
  { id, current }: RateLimit,
  terms: LimitTerms,
  at: Temporal.Instant,
): Promise<void> => {
  const version = current.version + 1
  await insertVersion(tx, id, version, terms, at)
  await tx.updateTable('rate_limits').set({ version }).where('id', '=', id).execute()
}

export const markArchived = async (tx: ControlTx, id: string, at: Temporal.Instant): Promise<void> => {
  await tx.updateTable('rate_limits').set({ archived_at: at }).where('id', '=', id).where('archived_at', 'is', null).execute()
}
