import type { Pool } from 'pg'
import type { IsolationLevel, Place, PlaceOf } from '../../platform/db/place.ts'
import { APP_ROLE, OPERATOR_ROLE } from '../../platform/db/roles.ts'
import { unseal } from '../../platform/db/secretbox.ts'
import { transact } from '../../platform/db/transaction.ts'
import { appPassword, withCredentials, withDatabase } from '../../platform/db/urls.ts'
import { secretContext } from './cluster.ts'
import { placeCache } from './place-cache.ts'

/** A tenant that was moved or removed is found where it was for less than a second, in every process. */
const TTL_MS = 900
const MAX_ENTRIES = 10_000

export interface PlaceOptions {
  /** The restricted role's connection to the control database. */
  readonly appUrl: string
  readonly secret: string
}

interface Row {
  readonly isolation: IsolationLevel
  readonly database_name: string | null
  readonly schema_name: string
  readonly cluster_id: string | null
  readonly sealed: Buffer | null
}

const FIND = `select p.isolation, p.database_name, p.schema_name, p.cluster_id, c.secret as sealed
  from placements p left join clusters c on c.id = p.cluster_id where p.tenant_id = $1 and p.state = 'ready'`

/** The connection of the restricted role to wherever the row says. */
const urlOf = ({ database_name: database, cluster_id: clusterId, sealed }: Row, { appUrl, secret }: PlaceOptions): string => {
  if (database === null) return appUrl
  if (clusterId === null || sealed === null) return withDatabase(appUrl, database)
  const server = unseal(secret, sealed, secretContext(clusterId))
  return withCredentials(withDatabase(server, database), APP_ROLE, appPassword(secret))
}

/** The directory of places: `openDatabase({ placeOf: placeOf({ appUrl, secret }), … })`. Only places that are ready are found. */
export const placeOf =
  (options: PlaceOptions) =>
  (lookups: Pool): PlaceOf => {
    const load = (tenantId: string): Promise<Place | undefined> =>
      transact(lookups, { role: OPERATOR_ROLE, readOnly: true }, async (client) => {
        const { rows } = await client.query<Row>(FIND, [tenantId])
        const row = rows[0]
        return row && { isolation: row.isolation, url: urlOf(row, options), schema: row.schema_name }
      })
    return placeCache(load, { ttlMs: TTL_MS, maxEntries: MAX_ENTRIES, nowMs: () => performance.now() })
  }
