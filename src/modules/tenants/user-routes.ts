import { type Static, Type } from 'typebox'
import { SCOPES } from '../../platform/auth/caller.ts'
import { routesOf } from '../../platform/http/route.ts'
import { Id, Instant, Name, Nullable, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import { USER_ROLES, type User } from './member.ts'
import type { UserService } from './user-service.ts'

export const Email = Type.String({ format: 'email', minLength: 3, maxLength: 254, examples: ['ada@example.com'] })
const Role = Type.Enum([...USER_ROLES])
const Permissions = Type.Array(Type.Enum([...SCOPES]), {
  uniqueItems: true,
  maxItems: SCOPES.length,
  description: 'Scopes beyond what the role gives',
})

export const UserReply = Strict({
  id: Id('usr'),
  tenant_id: Id('tnt'),
  email: Type.String(),
  name: Name,
  role: Role,
  permissions: Type.Array(Type.String()),
  created_at: Instant,
  updated_at: Instant,
  removed_at: Nullable(Instant),
})

export const toUserReply = (user: User): Static<typeof UserReply> => ({
  id: user.id,
  tenant_id: user.tenantId,
  email: user.email,
  name: user.name,
  role: user.role,
  permissions: [...user.permissions],
  created_at: user.createdAt.toString(),
  updated_at: user.updatedAt.toString(),
  removed_at: user.removedAt?.toString() ?? null,
})

const TenantParams = Strict({ id: Id('tnt') })
const UserParams = Strict({ id: Id('tnt'), user_id: Id('usr') })
const NO_TENANT = { tenant_not_found: 'there is no such tenant' }
const NO_USER = { ...NO_TENANT, user_not_found: 'the tenant has no such user' }
const LAST_ADMIN = { last_admin: 'the tenant would be left without an admin' }
const EMAIL = { user_email_taken: 'a user of the tenant has this email', email_invalid: 'this is no email address' }
const SHARED = { tag: 'Users', access: 'both', tenant: 'params.id' } as const

const route = routesOf<{ users: UserService }>()

export const userRoutes = [
  route.write({
    ...SHARED,
    method: 'POST',
    path: '/tenants/{id}/users',
    id: 'addUser',
    summary: 'Add a user to a tenant',
    scope: 'tenants:write',
    params: TenantParams,
    body: Strict({ email: Email, name: Name, role: Role, permissions: Type.Optional(Permissions) }),
    reply: UserReply,
    status: 201,
    errors: {
      ...NO_TENANT,
      ...EMAIL,
      user_quota_exceeded: 'the tenant has as many users as its quota allows',
      plan_users_exceeded: 'the tenant has as many users as its plan includes, and the plan stops there',
    },
    handle: async ({ tx, params, body }, { users }) => toUserReply(await users.add(tx, params.id, body)),
  }),

  route.read({
    ...SHARED,
    method: 'GET',
    path: '/tenants/{id}/users',
    id: 'listUsers',
    summary: 'List the users of a tenant, newest first',
    scope: 'tenants:read',
    params: TenantParams,
    query: Strict({ ...PageQuery, role: Type.Optional(Role) }),
    reply: PageOf(UserReply),
    errors: { ...NO_TENANT, cursor_invalid: 'the cursor was not made by this list' },
    handle: async ({ tx, params, query }, { users }) => {
      const { data, nextCursor } = await users.list(tx, params.id, query, query)
      return { data: data.map(toUserReply), next_cursor: nextCursor }
    },
  }),

  route.read({
    ...SHARED,
    method: 'GET',
    path: '/tenants/{id}/users/{user_id}',
    id: 'getUser',
    summary: 'Read a user',
    scope: 'tenants:read',
    params: UserParams,
    reply: UserReply,
    errors: NO_USER,
    handle: async ({ tx, params }, { users }) => toUserReply(await users.get(tx, params.id, params.user_id)),
  }),

  route.write({
    ...SHARED,
    method: 'PATCH',
    path: '/tenants/{id}/users/{user_id}',
    id: 'changeUser',
    summary: 'Change a user',
    scope: 'tenants:write',
    params: UserParams,
    body: Strict({
      email: Type.Optional(Email),
      name: Type.Optional(Name),
      role: Type.Optional(Role),
      permissions: Type.Optional(Permissions),
    }),
    reply: UserReply,
    errors: { ...NO_USER, ...EMAIL, ...LAST_ADMIN },
    handle: async ({ tx, params, body }, { users }) => toUserReply(await users.change(tx, params.id, params.user_id, body)),
  }),

  route.write({
    ...SHARED,
    method: 'DELETE',
    path: '/tenants/{id}/users/{user_id}',
    id: 'removeUser',
    summary: 'Remove a user; its email is free again',
    scope: 'tenants:write',
    params: UserParams,
    reply: UserReply,
    errors: { ...NO_USER, ...LAST_ADMIN },
    handle: async ({ tx, params }, { users }) => toUserReply(await users.remove(tx, params.id, params.user_id)),
  }),
]
