import { conflict, notFound, quotaExceeded, unprocessable } from '../../platform/errors.ts'
import type { Tenant } from './tenant.ts'

export const USER_ROLES = ['admin', 'member', 'readonly'] as const
export type UserRole = (typeof USER_ROLES)[number]

/** A member of a tenant. It stays, removed, for the peak count of a past period; its email is free again. */
export interface User {
  readonly id: string
  readonly tenantId: string
  readonly email: string
  readonly name: string
  readonly role: UserRole
  readonly permissions: readonly string[]
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
  readonly removedAt: Temporal.Instant | null
}

export const userNotFound = (id: string) => notFound('user_not_found', `user ${id} does not exist`)

export const emailTaken = (email: string) =>
  conflict('user_email_taken', `the tenant has a user with the email ${email} already; change that one or remove it first`)

/** RFC 5321 allows 254 characters in all and 64 before the @; white space, control characters and quotes are what header injection needs. */
const EMAIL = /^[^\s@"<>(),:;\\[\]\p{Cc}]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/iu

/** The email as given, or 422: people type it, so nothing is trimmed or guessed. */
export const checkEmail = (email: string): string => {
  if (email.length > 254 || !EMAIL.test(email))
    throw unprocessable('email_invalid', 'send one email address such as ada@example.com, at most 254 characters, no spaces')
  return email
}

/** Throws 429 when the tenant's quota, or a plan that includes `seats` users and no more, has no room for another. */
export const checkRoomForUser = ({ quotas }: Pick<Tenant, 'quotas'>, seats: number | undefined, users: number): void => {
  if (users >= quotas.users)
    throw quotaExceeded(
      'user_quota_exceeded',
      `the tenant has ${users} of ${quotas.users} users; remove one or ask the operator for a larger quota`,
      { limit: quotas.users, used: users },
    )
  if (seats !== undefined && users >= seats)
    throw quotaExceeded(
      'plan_users_exceeded',
      `the tenant has ${users} of the ${seats} users that its plan includes, and the plan stops there; remove one or upgrade the subscription`,
      { limit: seats, used: users },
    )
}

/** Throws 409 when `user` is the only admin and would no longer be one: someone must be able to manage the tenant. */
export const checkAdminRemains = (user: User, roleAfter: UserRole | undefined, admins: number): void => {
  if (user.role === 'admin' && roleAfter !== 'admin' && admins <= 1)
    throw conflict('last_admin', `user ${user.id} is the tenant's only admin; make another user admin first`)
}
