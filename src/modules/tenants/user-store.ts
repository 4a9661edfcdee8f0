import { type Selectable, type SqlBool, sql } from 'kysely'
import type { Period } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { TenantUsersTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import type { User, UserRole } from './member.ts'
import type { Membership } from './peak.ts'

// tenant_id is a look-up key here, for operators, whom row security shows every tenant; a tenant sees no other's anyway.

const fromRow = (row: Selectable<TenantUsersTable>): User => ({
  id: row.id,
  tenantId: row.tenant_id,
  email: row.email,
  name: row.name,
  role: row.role as UserRole,
  permissions: row.permissions,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  removedAt: row.removed_at,
})

const maybe = (row: Selectable<TenantUsersTable> | undefined): User | undefined => (row ? fromRow(row) : undefined)

export interface UserEdit {
  readonly email: string
  readonly name: string
  readonly role: UserRole
  readonly permissions: readonly string[]
}

/** Throws 23505 `tenant_users_email` when a member has the email. */
export const insertUser = (tx: ControlTx, tenantId: string, id: string, user: UserEdit, now: Temporal.Instant): Promise<User> =>
  tx
    .insertInto('tenant_users')
    .values({ id, tenant_id: tenantId, ...user, permissions: [...user.permissions], created_at: now, updated_at: now })
    .returningAll()
    .executeTakeFirstOrThrow()
    .then(fromRow)

export const updateUser = (tx: ControlTx, tenantId: string, id: string, user: UserEdit, now: Temporal.Instant): Promise<User> =>
  tx
    .updateTable('tenant_users')
    .set({ ...user, permissions: [...user.permissions], updated_at: now })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .then(fromRow)

export const removeUser = (tx: ControlTx, tenantId: string, id: string, now: Temporal.Instant): Promise<User> =>
  tx
    .updateTable('tenant_users')
    .set({ removed_at: now, updated_at: now })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
    .then(fromRow)

/** A member that was not removed. */
export const findUser = (tx: ControlTx, tenantId: string, id: string): Promise<User | undefined> =>
  tx
    .selectFrom('tenant_users')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst()
    .then(maybe)

/** The tenant's first user ever, removed or not: its owner when it was created. */
export const firstUser = (tx: ControlTx, tenantId: string): Promise<User | undefined> =>
  tx
    .selectFrom('tenant_users')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
    .then(maybe)

export const countUsers = async (
  tx: ControlTx,
  tenantId: string,
): Promise<{ readonly users: number; readonly admins: number }> => {
  const { users, admins } = await tx
    .selectFrom('tenant_users')
    .select((select) => [
      select.fn.countAll<bigint>().as('users'),
      select.fn.countAll<bigint>().filterWhere('role', '=', 'admin').as('admins'),
    ])
    .where('tenant_id', '=', tenantId)
    .where('removed_at', 'is', null)
    .executeTakeFirstOrThrow()
  return { users: Number(users), admins: Number(admins) }
}

export const listUsers = async (
  tx: ControlTx,
  tenantId: string,
  role: UserRole | undefined,
  limit: number,
  after: Keyset | undefined,
): Promise<readonly User[]> => {
  const rows = await tx
    .selectFrom('tenant_users')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('removed_at', 'is', null)
    .$if(role !== undefined, (query) => query.where('role', '=', role ?? ''))
    .$if(after !== undefined, (query) => query.where(sql<SqlBool>`(created_at, id) < (${after?.at}, ${after?.id})`))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(fromRow)
}

export const membershipsWithin = async (tx: ControlTx, tenantId: string, period: Period): Promise<readonly Membership[]> => {
  const rows = await tx
    .selectFrom('tenant_users')
    .select(['created_at', 'removed_at'])
    .where('tenant_id', '=', tenantId)
    .where('created_at', '<', period.end)
    .where((where) => where.or([where('removed_at', 'is', null), where('removed_at', '>', period.start)]))
    .execute()
  return rows.map((row) => ({ from: row.created_at, until: row.removed_at }))
}
