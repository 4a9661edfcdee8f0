import type { Scope } from '../../platform/auth/caller.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { isSqlState } from '../../platform/db/transaction.ts'
import { pageOf } from '../../platform/http/page.ts'
import type { TenantsDeps } from './deps.ts'
import { checkAdminRemains, checkEmail, checkRoomForUser, emailTaken, type User, type UserRole, userNotFound } from './member.ts'
import type { Page, PageRequest } from './service.ts'
import { findTenant, lockTenant } from './store.ts'
import { type Tenant, tenantNotFound } from './tenant.ts'
import { countUsers, findUser, insertUser, listUsers, removeUser, updateUser } from './user-store.ts'

export interface AddUser {
  readonly email: string
  readonly name: string
  readonly role: UserRole
  readonly permissions?: readonly Scope[] | undefined
}

export type ChangeUser = { readonly [K in keyof AddUser]?: AddUser[K] | undefined }

export interface UserService {
  add(tx: ControlTx, tenantId: string, user: AddUser): Promise<User>
  get(tx: ControlTx, tenantId: string, id: string): Promise<User>
  list(tx: ControlTx, tenantId: string, filter: { readonly role?: UserRole }, page: PageRequest): Promise<Page<User>>
  change(tx: ControlTx, tenantId: string, id: string, change: ChangeUser): Promise<User>
  remove(tx: ControlTx, tenantId: string, id: string): Promise<User>
}

const orEmailTaken = async (email: string, write: Promise<User>): Promise<User> => {
  try {
    return await write
  } catch (error) {
    throw isSqlState(error, '23505', 'tenant_users_email') ? emailTaken(email) : error
  }
}

/** How many users the tenant's plan includes where it stops there; asked of a module above, so it is passed in. */
export type SeatsOf = (tx: ControlTx, tenantId: string) => Promise<number | undefined>

export type UserDeps = Omit<TenantsDeps, 'db' | 'log'> & { readonly seatsOf?: SeatsOf }

/** Every change of a tenant's users holds the tenant's row: so that counts of users and admins are true until the commit. */
export const userService = ({ clock, ids, outbox, seatsOf = async () => undefined }: UserDeps): UserService => {
  const locked = async (tx: ControlTx, tenantId: string): Promise<Tenant> => {
    const tenant = await lockTenant(tx, tenantId)
    if (!tenant) throw tenantNotFound(tenantId)
    return tenant
  }

  const existing = async (tx: ControlTx, tenantId: string, id: string): Promise<User> => {
    const user = await findUser(tx, tenantId, id)
    if (!user) throw userNotFound(id)
    return user
  }

  return {
    async add(tx, tenantId, { email, name, role, permissions = [] }) {
      checkEmail(email)
      const tenant = await locked(tx, tenantId)
      checkRoomForUser(tenant, await seatsOf(tx, tenantId), (await countUsers(tx, tenantId)).users)
      const edit = { email, name, role, permissions }
      const user = await orEmailTaken(email, insertUser(tx, tenantId, ids.next('usr'), edit, clock.now()))
      await outbox.add(tx, { type: 'user.added', tenantId, payload: { user_id: user.id, role } })
      return user
    },

    get: existing,

    async list(tx, tenantId, { role }, page) {
      if (!(await findTenant(tx, tenantId))) throw tenantNotFound(tenantId)
      return pageOf(
        page,
        ({ limit, after }) => listUsers(tx, tenantId, role, limit, after),
        ({ createdAt, id }) => ({ at: createdAt, id }),
      )
    },

    async change(tx, tenantId, id, change) {
      if (change.email !== undefined) checkEmail(change.email)
      await locked(tx, tenantId)
      const user = await existing(tx, tenantId, id)
      const edit = {
        email: change.email ?? user.email,
        name: change.name ?? user.name,
        role: change.role ?? user.role,
        permissions: change.permissions ?? user.permissions,
      }
      checkAdminRemains(user, edit.role, (await countUsers(tx, tenantId)).admins)
      return orEmailTaken(edit.email, updateUser(tx, tenantId, id, edit, clock.now()))
    },

    async remove(tx, tenantId, id) {
      await locked(tx, tenantId)
      const user = await existing(tx, tenantId, id)
      checkAdminRemains(user, undefined, (await countUsers(tx, tenantId)).admins)
      const removed = await removeUser(tx, tenantId, id, clock.now())
      await outbox.add(tx, { type: 'user.removed', tenantId, payload: { user_id: id, role: user.role } })
      return removed
    },
  }
}
