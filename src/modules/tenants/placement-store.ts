import type { Selectable } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import type { PlacementsTable } from '../../platform/db/generated/control.ts'
import type { IsolationLevel } from '../../platform/db/place.ts'
import type { PlaceNames } from '../../platform/db/provision.ts'

/** `provisioning` before anything is built, `ready` with the tenant's own commit, `undoing` once no builder may finish any more. */
export type PlacementState = 'provisioning' | 'ready' | 'undoing'

export interface Placement extends PlaceNames {
  readonly tenantId: string
  readonly isolation: IsolationLevel
  readonly state: PlacementState
  readonly clusterId: string | null
  readonly planeVersion: number
  readonly createdAt: Temporal.Instant
}

const fromRow = (row: Selectable<PlacementsTable>): Placement => ({
  tenantId: row.tenant_id,
  isolation: row.isolation as IsolationLevel,
  state: row.state as PlacementState,
  clusterId: row.cluster_id,
  database: row.database_name,
  schema: row.schema_name,
  planeVersion: row.plane_version,
  createdAt: row.created_at,
})

/** Throws 23505 `placements_creation_key_key` when another creation under the same key is under way or done. */
export const insertPlacement = async (tx: ControlTx, placement: Placement, creationKey: string | undefined): Promise<void> => {
  await tx
    .insertInto('placements')
    .values({
      tenant_id: placement.tenantId,
      isolation: placement.isolation,
      state: placement.state,
      cluster_id: placement.clusterId,
      database_name: placement.database,
      schema_name: placement.schema,
      plane_version: placement.planeVersion,
      creation_key: creationKey ?? null,
      created_at: placement.createdAt,
    })
    .execute()
}

/** What a creation under this key began since `since`; an older one lets go of the key, for it now means a new request. */
export const findByCreationKey = async (tx: ControlTx, key: string, since: Temporal.Instant): Promise<Placement | undefined> => {
  await tx
    .updateTable('placements')
    .set({ creation_key: null })
    .where('creation_key', '=', key)
    .where('created_at', '<=', since)
    .execute()
  const row = await tx.selectFrom('placements').selectAll().where('creation_key', '=', key).executeTakeFirst()
  return row && fromRow(row)
}

export const findState = async (tx: ControlTx, tenantId: string): Promise<PlacementState | undefined> => {
  const row = await tx.selectFrom('placements').selectAll().where('tenant_id', '=', tenantId).executeTakeFirst()
  return row && fromRow(row).state
}

/** False when the placement is not being provisioned any more: someone undoes it. */
export const markReady = async (tx: ControlTx, tenantId: string, planeVersion: number): Promise<boolean> => {
  const { numUpdatedRows } = await tx
    .updateTable('placements')
    .set({ state: 'ready', plane_version: planeVersion })
    .where('tenant_id', '=', tenantId)
    .where('state', '=', 'provisioning')
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** False when there is nothing to undo: no placement, or one that is ready. */
export const markUndoing = async (tx: ControlTx, tenantId: string): Promise<boolean> => {
  const { numUpdatedRows } = await tx
    .updateTable('placements')
    .set({ state: 'undoing' })
    .where('tenant_id', '=', tenantId)
    .where('state', 'in', ['provisioning', 'undoing'])
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

export const deleteUndone = async (tx: ControlTx, tenantId: string): Promise<void> => {
  await tx.deleteFrom('placements').where('tenant_id', '=', tenantId).where('state', '=', 'undoing').execute()
}

export const listUnfinished = async (tx: ControlTx, before: Temporal.Instant): Promise<readonly Placement[]> => {
  const rows = await tx
    .selectFrom('placements')
    .selectAll()
    .where('state', '<>', 'ready')
    .where('created_at', '<', before)
    .orderBy('created_at')
    .limit(1_000)
    .execute()
  return rows.map(fromRow)
}

/** Places of their own that lack the newest migrations, in the order of their tenants, after `after`. */
export const listBehind = async (tx: ControlTx, version: number, after: string, limit: number): Promise<readonly Placement[]> => {
  const rows = await tx
    .selectFrom('placements')
    .selectAll()
    .where('isolation', '<>', 'SHARED')
    .where('state', '=', 'ready')
    .where('plane_version', '<', version)
    .where('tenant_id', '>', after)
    .orderBy('tenant_id')
    .limit(limit)
    .execute()
  return rows.map(fromRow)
}

export const setPlaneVersion = async (tx: ControlTx, tenantId: string, version: number): Promise<void> => {
  await tx.updateTable('placements').set({ plane_version: version }).where('tenant_id', '=', tenantId).execute()
}

/** Where a dedicated place is, with the sealed connection of its cluster. */
export interface PlaceRow {
  readonly tenant_id: string
  readonly isolation: IsolationLevel
  readonly database_name: string | null
  readonly schema_name: string
  readonly cluster_id: string | null
  readonly sealed: Buffer | null
}

export const placesAfter = async (tx: ControlTx, after: string, limit: number): Promise<readonly PlaceRow[]> => {
  const rows = await tx
    .selectFrom('placements')
    .leftJoin('clusters', 'clusters.id', 'placements.cluster_id')
    .select(['tenant_id', 'isolation', 'database_name', 'schema_name', 'cluster_id', 'clusters.secret as sealed'])
    .where('isolation', '<>', 'SHARED')
    .where('state', '=', 'ready')
    .where('tenant_id', '>', after)
    .orderBy('tenant_id')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...row, isolation: row.isolation as IsolationLevel }))
}
