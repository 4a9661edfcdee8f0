import type { Pool } from 'pg'
import type { Database } from '../../platform/db/database.ts'
import { type Place, type PlaceOf, SHARED_SCHEMA } from '../../platform/db/place.ts'
import { APP_ROLE, OPERATOR_ROLE } from '../../platform/db/roles.ts'
import { unseal } from '../../platform/db/secretbox.ts'
import { transact } from '../../platform/db/transaction.ts'
import { appPassword, withCredentials, withDatabase } from '../../platform/db/urls.ts'
import { secretContext } from './cluster.ts'
import { placeCache } from './place-cache.ts'
import { type PlaceRow, placesAfter } from './placement-store.ts'

/** A tenant that was moved or removed is found where it was for less than a second, in every process. */
const TTL_MS = 900
const MAX_ENTRIES = 10_000

export interface PlaceOptions {
  /** The restricted role's connection to the control database. */
  readonly appUrl: string
  readonly secret: string
}

type Row = Omit<PlaceRow, 'tenant_id'>

const FIND = `select p.isolation, p.database_name, p.schema_name, p.cluster_id, c.secret as sealed
  from placements p left join clusters c on c.id = p.cluster_id where p.tenant_id = $1 and p.state = 'ready'`

/** The connection of the restricted role to wherever the row says. */
const urlOf = ({ database_name: database, cluster_id: clusterId, sealed }: Row, { appUrl, secret }: PlaceOptions): string => {
  if (database === null) return appUrl
  if (clusterId === null || sealed === null) return withDatabase(appUrl, database)
  const server = unseal(secret, sealed, secretContext(clusterId))
  return withCredentials(withDatabase(server, database), APP_ROLE, appPassword(secret))
}

const placeFrom = (row: Row, options: PlaceOptions): Place => ({
  isolation: row.isolation,
  url: urlOf(row, options),
  schema: row.schema_name,
})

const PAGE = 200

/** Every place once, the shared one first: for maintenance over all tenants (`plane.asOperator`). Places made meanwhile may be missed. */
export const everyPlace = async function* (db: Database, options: PlaceOptions): AsyncGenerator<Place, void, void> {
  yield { isolation: 'SHARED', url: options.appUrl, schema: SHARED_SCHEMA }
  let after = ''
  for (;;) {
    const rows = await db.control.asOperator('walk over all places', (tx) => placesAfter(tx, after, PAGE), { readOnly: true })
    for (const row of rows) yield placeFrom(row, options)
    const last = rows.at(-1)
    if (!last) return
    after = last.tenant_id
  }
}

/** The directory of places: `openDatabase({ placeOf: placeOf({ appUrl, secret }), … })`. Only places that are ready are found. */
export const placeOf =
  (options: PlaceOptions) =>
  (lookups: Pool): PlaceOf => {
    const load = (tenantId: string): Promise<Place | undefined> =>
      transact(lookups, { role: OPERATOR_ROLE, readOnly: true }, async (client) => {
        const { rows } = await client.query<Row>(FIND, [tenantId])
        const row = rows[0]
        return row && placeFrom(row, options)
      })
    return placeCache(load, { ttlMs: TTL_MS, maxEntries: MAX_ENTRIES, nowMs: () => performance.now() })
  }
