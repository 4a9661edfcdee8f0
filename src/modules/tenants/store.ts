import { type Selectable, type SqlBool, sql } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import type { TenantsTable } from '../../platform/db/generated/control.ts'
import type { IsolationLevel } from '../../platform/db/place.ts'
import type { Keyset } from '../../platform/http/page.ts'
import type { NewTenant } from './new-tenant.ts'
import type { Quotas, StatusChange, Tenant, TenantStatus, TenantType } from './tenant.ts'

/** The row as the table's checks and this module's own writes keep it: here alone its texts are believed. */
const fromRow = (row: Selectable<TenantsTable>): Tenant => ({
  id: row.id,
  slug: row.slug,
  name: row.name,
  type: row.type as TenantType,
  status: row.status as TenantStatus,
  statusBeforeSuspension: row.status_before_suspension as TenantStatus | null,
  statusReason: row.status_reason,
  isolation: row.isolation as IsolationLevel,
  currency: row.currency,
  timeZone: row.time_zone,
  parentId: row.parent_id,
  trialEndsAt: row.trial_ends_at,
  quotas: {
    storageGb: row.quota_storage_gb,
    apiCallsPerHour: row.quota_api_calls_per_hour,
    users: row.quota_users,
    computeHours: row.quota_compute_hours,
  },
  metadata: row.metadata as Readonly<Record<string, string>>,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

const maybe = (row: Selectable<TenantsTable> | undefined): Tenant | undefined => (row ? fromRow(row) : undefined)

export const findTenant = (tx: ControlTx, id: string): Promise<Tenant | undefined> =>
  tx.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst().then(maybe)

/** Locks the tenant against other changes of it and its users; rows that refer to it may still be inserted. */
export const lockTenant = (tx: ControlTx, id: string): Promise<Tenant | undefined> =>
  tx.selectFrom('tenants').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst().then(maybe)

export const isSlugTaken = async (tx: ControlTx, slug: string): Promise<boolean> =>
  (await tx.selectFrom('tenants').select('id').where('slug', '=', slug).executeTakeFirst()) !== undefined

const quotaColumns = (quotas: Quotas) => ({
  quota_storage_gb: quotas.storageGb,
  quota_api_calls_per_hour: quotas.apiCallsPerHour,
  quota_users: quotas.users,
  quota_compute_hours: quotas.computeHours,
})

/** Undefined when another tenant has the slug. */
export const insertTenant = (
  tx: ControlTx,
  id: string,
  slug: string,
  tenant: NewTenant,
  now: Temporal.Instant,
): Promise<Tenant | undefined> =>
  tx
    .insertInto('tenants')
    .values({
      id,
      slug,
      name: tenant.name,
      type: tenant.type,
      status: tenant.status,
      isolation: tenant.isolation,
      currency: tenant.currency,
      time_zone: tenant.timeZone,
      parent_id: tenant.parentId ?? null,
      trial_ends_at: tenant.trialEndsAt,
      ...quotaColumns(tenant.quotas),
      metadata: JSON.stringify(tenant.metadata),
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.column('slug').doNothing())
    .returningAll()
    .executeTakeFirst()
    .then(maybe)

export interface TenantEdit {
  readonly name: string
  readonly timeZone: string
  readonly metadata: Readonly<Record<string, string>>
  readonly quotas: Quotas
}

export const updateTenant = (tx: ControlTx, id: string, edit: TenantEdit, now: Temporal.Instant): Promise<Tenant> =>
  tx
    .updateTable('tenants')
    .set({
      name: edit.name,
      time_zone: edit.timeZone,
      metadata: JSON.stringify(edit.metadata),
      ...quotaColumns(edit.quotas),
      updated_at: now,
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .then(fromRow)

export const setStatus = (tx: ControlTx, id: string, change: StatusChange, now: Temporal.Instant): Promise<Tenant> =>
  tx
    .updateTable('tenants')
    .set({
      status: change.status,
      status_before_suspension: change.statusBeforeSuspension,
      status_reason: change.statusReason,
      updated_at: now,
    })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .then(fromRow)

export interface TenantFilter {
  readonly status?: TenantStatus | undefined
  readonly type?: TenantType | undefined
  readonly isolation?: IsolationLevel | undefined
  /** Part of the name or slug, in any case. */
  readonly q?: string | undefined
}

export const listTenants = async (
  tx: ControlTx,
  { status, type, isolation, q }: TenantFilter,
  limit: number,
  after: Keyset | undefined,
): Promise<readonly Tenant[]> => {
  const pattern = q === undefined ? undefined : `%${q.replace(/[\\%_]/g, '\\$&')}%`
  const rows = await tx
    .selectFrom('tenants')
    .selectAll()
    .$if(status !== undefined, (query) => query.where('status', '=', status ?? ''))
    .$if(type !== undefined, (query) => query.where('type', '=', type ?? ''))
    .$if(isolation !== undefined, (query) => query.where('isolation', '=', isolation ?? ''))
    .$if(pattern !== undefined, (query) =>
      query.where((where) => where.or([where('name', 'ilike', pattern ?? ''), where('slug', 'ilike', pattern ?? '')])),
    )
    .$if(after !== undefined, (query) => query.where(sql<SqlBool>`(created_at, id) < (${after?.at}, ${after?.id})`))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(fromRow)
}

/** Trials that are over, longest first, locked; another process's are left to it. */
export const lockEndedTrials = async (tx: ControlTx, now: Temporal.Instant, limit: number): Promise<readonly Tenant[]> => {
  const rows = await tx
    .selectFrom('tenants')
    .selectAll()
    .where('status', '=', 'trial')
    .where('trial_ends_at', '<=', now)
    .orderBy('trial_ends_at')
    .limit(limit)
    .forNoKeyUpdate()
    .skipLocked()
    .execute()
  return rows.map(fromRow)
}
