import { sql } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import type { Keyset } from '../../platform/http/page.ts'
import type { LimitScope } from './limit.ts'

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

/** Endpoints and keys that are told of one hour. */
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
