import { type Selectable, type SqlBool, sql } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import type { ClustersTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import type { Cluster } from './cluster.ts'

export interface StoredCluster extends Cluster {
  readonly secret: Buffer
}

const fromRow = (row: Selectable<ClustersTable>): StoredCluster => ({
  id: row.id,
  name: row.name,
  region: row.region,
  createdAt: row.created_at,
  secret: row.secret,
})

const maybe = (row: Selectable<ClustersTable> | undefined): StoredCluster | undefined => (row ? fromRow(row) : undefined)

/** Throws 23505 `clusters_name_key` or `clusters_creation_key_key`. */
export const insertCluster = (tx: ControlTx, cluster: StoredCluster, creationKey: string | undefined): Promise<StoredCluster> =>
  tx
    .insertInto('clusters')
    .values({
      id: cluster.id,
      name: cluster.name,
      region: cluster.region,
      secret: cluster.secret,
      creation_key: creationKey ?? null,
      created_at: cluster.createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
    .then(fromRow)

export const findCluster = (tx: ControlTx, id: string): Promise<StoredCluster | undefined> =>
  tx.selectFrom('clusters').selectAll().where('id', '=', id).executeTakeFirst().then(maybe)

/** The cluster that a POST under this key registered since `since`; an older one lets go of the key. */
export const findClusterByKey = async (
  tx: ControlTx,
  key: string,
  since: Temporal.Instant,
): Promise<StoredCluster | undefined> => {
  await tx
    .updateTable('clusters')
    .set({ creation_key: null })
    .where('creation_key', '=', key)
    .where('created_at', '<=', since)
    .execute()
  return tx.selectFrom('clusters').selectAll().where('creation_key', '=', key).executeTakeFirst().then(maybe)
}

export const listClusters = async (
  tx: ControlTx,
  limit: number,
  after: Keyset | undefined,
): Promise<readonly StoredCluster[]> => {
  const rows = await tx
    .selectFrom('clusters')
    .selectAll()
    .$if(after !== undefined, (query) => query.where(sql<SqlBool>`(created_at, id) < (${after?.at}, ${after?.id})`))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(fromRow)
}
