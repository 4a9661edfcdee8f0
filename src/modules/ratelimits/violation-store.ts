import { sql } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import type { Keyset } from '../../platform/http/page.ts'
import type { LimitScope } from './limit.ts'
import type { HourHeavy, HourTotal } from './violation-counts.ts'

const HOUR_MS = 3_600_000
const hourOf = (hour: number): Temporal.Instant => Temporal.Instant.fromEpochMilliseconds(hour * HOUR_MS)
/** Keys that stay of one limit and hour, however many servers tell of theirs. */
const KEPT_KEYS = 100

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Adds to what is there. In one order everywhere, so that servers wait for each other and never deadlock. */
export const addTotals = async (tx: ControlTx, totals: readonly HourTotal[]): Promise<void> => {
  const rows = totals
    .map(({ limitId, hour, endpoint, refused, wouldRefuse }) => ({
      limit_id: limitId,
      hour: hourOf(hour),
      endpoint,
      refused: BigInt(refused),
      would_refuse: BigInt(wouldRefuse),
    }))
    .sort((a, b) => byText(`${a.limit_id} ${a.hour} ${a.endpoint}`, `${b.limit_id} ${b.hour} ${b.endpoint}`))
  for (let from = 0; from < rows.length; from += 1_000)
    await tx
      .insertInto('rate_limit_violations')
      .values(rows.slice(from, from + 1_000))
      .onConflict((conflict) =>
        conflict.columns(['limit_id', 'hour', 'endpoint']).doUpdateSet(({ eb, ref }) => ({
          refused: eb('rate_limit_violations.refused', '+', ref('excluded.refused')),
          would_refuse: eb('rate_limit_violations.would_refuse', '+', ref('excluded.would_refuse')),
        })),
      )
      .execute()
}

/** Adds to what is there and lets go of the lightest beyond so many: the table stays small, whoever attacks. */
export const addHeavies = async (tx: ControlTx, heavies: readonly HourHeavy[]): Promise<void> => {
  const rows = heavies
    .map(({ limitId, hour, key, seen, overcount }) => ({
      limit_id: limitId,
      hour: hourOf(hour),
      key,
      seen: BigInt(seen),
      overcount: BigInt(overcount),
    }))
    .sort((a, b) => byText(`${a.limit_id} ${a.hour} ${a.key}`, `${b.limit_id} ${b.hour} ${b.key}`))
  for (let from = 0; from < rows.length; from += 1_000)
    await tx
      .insertInto('rate_limit_violators')
      .values(rows.slice(from, from + 1_000))
      .onConflict((conflict) =>
        conflict.columns(['limit_id', 'hour', 'key']).doUpdateSet(({ eb, ref }) => ({
          seen: eb('rate_limit_violators.seen', '+', ref('excluded.seen')),
          overcount: eb('rate_limit_violators.overcount', '+', ref('excluded.overcount')),
        })),
      )
      .execute()
  const groups = new Map(rows.map((row) => [`${row.limit_id} ${row.hour}`, row]))
  for (const { limit_id, hour } of groups.values())
    await tx
      .deleteFrom('rate_limit_violators')
      .where('limit_id', '=', limit_id)
      .where('hour', '=', hour)
      .where('key', 'in', (eb) =>
        eb
          .selectFrom('rate_limit_violators as light')
          .select('light.key')
          .where('light.limit_id', '=', limit_id)
          .where('light.hour', '=', hour)
          .orderBy('light.seen', 'desc')
          .orderBy('light.key')
          .offset(KEPT_KEYS),
      )
      .execute()
}

export interface ViolationFilter {
  readonly limitId?: string | undefined
  readonly scope?: LimitScope | undefined
  readonly endpoint?: string | undefined
  readonly key?: string | undefined
  readonly from?: Temporal.Instant | undefined
  readonly to?: Temporal.Instant | undefined
}

export interface HourOfLimit {
  readonly limitId: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly hour: Temporal.Instant
  readonly refused: number
  readonly wouldRefuse: number
}

/** Hours of limits, the newest first; with `endpoint`, what was refused of that one. */
export const listHours = async (
  tx: ControlTx,
  { limitId, scope, endpoint, key, from, to }: ViolationFilter,
  { limit, after }: { readonly limit: number; readonly after: Keyset | undefined },
): Promise<readonly HourOfLimit[]> => {
  let query = tx
    .selectFrom('rate_limit_violations as v')
    .innerJoin('rate_limits', 'rate_limits.id', 'v.limit_id')
    .innerJoin('rate_limit_versions as current', (join) =>
      join.onRef('current.limit_id', '=', 'rate_limits.id').onRef('current.version', '=', 'rate_limits.version'),
    )
    .select(({ fn }) => [
      'v.limit_id',
      'v.hour',
      'current.name',
      'current.scopes',
      fn.sum<string>('v.refused').as('refused'),
      fn.sum<string>('v.would_refuse').as('would_refuse'),
    ])
    .groupBy(['v.limit_id', 'v.hour', 'current.name', 'current.scopes'])
  if (limitId !== undefined) query = query.where('v.limit_id', '=', limitId)
  if (scope !== undefined) query = query.where(sql<boolean>`${scope} = any(current.scopes)`)
  if (endpoint !== undefined) query = query.where('v.endpoint', '=', endpoint)
  if (from !== undefined) query = query.where('v.hour', '>=', from)
  if (to !== undefined) query = query.where('v.hour', '<', to)
  if (key !== undefined)
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('rate_limit_violators as k')
          .select('k.key')
          .whereRef('k.limit_id', '=', 'v.limit_id')
          .whereRef('k.hour', '=', 'v.hour')
          .where('k.key', '=', key),
      ),
    )
  if (after)
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('v.hour', 'v.limit_id'), '<', tuple(after.at, after.id)))
  const rows = await query.orderBy('v.hour', 'desc').orderBy('v.limit_id', 'desc').limit(limit).execute()
  return rows.map((row) => ({
    limitId: row.limit_id,
    name: row.name,
    scopes: row.scopes,
    hour: row.hour,
    refused: Number(row.refused),
    wouldRefuse: Number(row.would_refuse),
  }))
}

const SHOWN = 20n

export interface HourDetail {
  readonly endpoints: readonly { readonly endpoint: string; readonly refused: number; readonly wouldRefuse: number }[]
  readonly topKeys: readonly { readonly key: string; readonly seen: number; readonly overcount: number }[]
}

const nameOf = ({ limit_id, hour }: { readonly limit_id: string; readonly hour: Temporal.Instant }): string =>
  `${limit_id} ${hour}`

/** Of each of these hours, the endpoints and the keys that were refused most. */
export const detailsOf = async (tx: ControlTx, hours: readonly HourOfLimit[]): Promise<readonly HourDetail[]> => {
  if (hours.length === 0) return []
  const wanted = sql<boolean>`(limit_id, hour) in (select * from unnest(
    ${hours.map(({ limitId }) => limitId)}::text[], ${hours.map(({ hour }) => hour.toString())}::timestamptz[]))`
  const [endpoints, keys] = await Promise.all([
    tx
      .selectFrom((eb) =>
        eb
          .selectFrom('rate_limit_violations')
          .selectAll()
          .select(
            sql<bigint>`row_number() over (partition by limit_id, hour order by refused + would_refuse desc, endpoint)`.as(
              'place',
            ),
          )
          .where(wanted)
          .as('ranked'),
      )
      .selectAll()
      .where('place', '<=', SHOWN)
      .orderBy('place')
      .execute(),
    tx
      .selectFrom((eb) =>
        eb
          .selectFrom('rate_limit_violators')
          .selectAll()
          .select(sql<bigint>`row_number() over (partition by limit_id, hour order by seen desc, key)`.as('place'))
          .where(wanted)
          .as('ranked'),
      )
      .selectAll()
      .where('place', '<=', SHOWN)
      .orderBy('place')
      .execute(),
  ])
  const endpointsOf = Map.groupBy(endpoints, nameOf)
  const keysOf = Map.groupBy(keys, nameOf)
  return hours.map(({ limitId, hour }) => {
    const name = nameOf({ limit_id: limitId, hour })
    return {
      endpoints: (endpointsOf.get(name) ?? []).map(({ endpoint, refused, would_refuse }) => ({
        endpoint,
        refused: Number(refused),
        wouldRefuse: Number(would_refuse),
      })),
      topKeys: (keysOf.get(name) ?? []).map(({ key, seen, overcount }) => ({
        key,
        seen: Number(seen),
        overcount: Number(overcount),
      })),
    }
  })
}

export const deleteViolations = async (tx: ControlTx, before: Temporal.Instant): Promise<void> => {
  await tx.deleteFrom('rate_limit_violations').where('hour', '<', before).execute()
  await tx.deleteFrom('rate_limit_violators').where('hour', '<', before).execute()
}
