import type { IsolationLevel } from '../../platform/db/place.ts'
import { conflict, notFound } from '../../platform/errors.ts'

export const TENANT_TYPES = ['INDIVIDUAL', 'SMALL_BUSINESS', 'ENTERPRISE', 'RESELLER', 'PARTNER'] as const
export type TenantType = (typeof TENANT_TYPES)[number]

/** What a tenant may use, whatever it pays: the operator's guard, apart from a plan's allowances. */
export interface Quotas {
  readonly storageGb: number
  readonly apiCallsPerHour: number
  readonly users: number
  readonly computeHours: number
}

export const DEFAULT_QUOTAS = {
  INDIVIDUAL: { storageGb: 10, apiCallsPerHour: 1_000, users: 3, computeHours: 10 },
  SMALL_BUSINESS: { storageGb: 100, apiCallsPerHour: 10_000, users: 25, computeHours: 100 },
  ENTERPRISE: { storageGb: 1_000, apiCallsPerHour: 100_000, users: 500, computeHours: 1_000 },
  RESELLER: { storageGb: 5_000, apiCallsPerHour: 500_000, users: 2_000, computeHours: 5_000 },
  PARTNER: { storageGb: 10_000, apiCallsPerHour: 1_000_000, users: 5_000, computeHours: 10_000 },
} as const satisfies Record<TenantType, Quotas>

/** Only these may have tenants below them. */
export const PARENT_TYPES: readonly TenantType[] = ['RESELLER', 'PARTNER']

export const TENANT_STATUSES = ['pending_activation', 'trial', 'active', 'suspended', 'churned', 'deleted'] as const
export type TenantStatus = (typeof TENANT_STATUSES)[number]

/** A suspended tenant goes back to what it was; `decideActivation` says which of the two. */
const NEXT = {
  pending_activation: ['trial', 'active', 'churned'],
  trial: ['active', 'suspended', 'churned'],
  active: ['suspended', 'churned'],
  suspended: ['trial', 'active', 'churned'],
  churned: ['active', 'deleted'],
  deleted: [],
} as const satisfies Record<TenantStatus, readonly TenantStatus[]>

export const allowedMoves = (from: TenantStatus): readonly TenantStatus[] => NEXT[from]
const canMove = (from: TenantStatus, to: TenantStatus): boolean => allowedMoves(from).includes(to)

export interface Tenant {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly type: TenantType
  readonly status: TenantStatus
  readonly statusBeforeSuspension: TenantStatus | null
  readonly statusReason: string | null
  readonly isolation: IsolationLevel
  readonly currency: string
  readonly timeZone: string
  readonly parentId: string | null
  readonly trialEndsAt: Temporal.Instant | null
  readonly quotas: Quotas
  readonly metadata: Readonly<Record<string, string>>
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
}

/** What a move writes. */
export interface StatusChange {
  readonly status: TenantStatus
  readonly statusBeforeSuspension: TenantStatus | null
  readonly statusReason: string | null
}

export const tenantNotFound = (id: string) => notFound('tenant_not_found', `tenant ${id} does not exist`)

/** 409 that says what the tenant is and what it may become. */
const illegalMove = (tenant: Tenant, to: TenantStatus) => {
  const allowed = allowedMoves(tenant.status)
  const hint = allowed.length === 0 ? 'nothing follows that status' : `from there it can become ${allowed.join(', ')}`
  return conflict('tenant_status_conflict', `tenant ${tenant.id} is ${tenant.status} and cannot become ${to}; ${hint}`, {
    status: tenant.status,
    allowed,
  })
}

/** Any legal move; leaving suspension or entering it has a function of its own. Throws 409 `tenant_status_conflict`. */
export const decideMove = (tenant: Tenant, to: TenantStatus, reason: string | null): StatusChange => {
  if (!canMove(tenant.status, to)) throw illegalMove(tenant, to)
  return { status: to, statusBeforeSuspension: to === 'suspended' ? tenant.status : null, statusReason: reason }
}

export const decideSuspension = (tenant: Tenant, reason: string): StatusChange => decideMove(tenant, 'suspended', reason)

/**
 * A trial becomes active before its end, a suspended tenant what it was: a trial again only while its time is not over.
 * Everything else that may becomes active.
 */
export const decideActivation = (tenant: Tenant, reason: string | null, now: Temporal.Instant): StatusChange => {
  const inTrial = tenant.trialEndsAt !== null && Temporal.Instant.compare(now, tenant.trialEndsAt) < 0
  const resumesTrial = tenant.status === 'suspended' && tenant.statusBeforeSuspension === 'trial' && inTrial
  return decideMove(tenant, resumesTrial ? 'trial' : 'active', reason)
}

const TRIAL_ENDED = 'trial ended'

/** A tenant that subscribed during its trial is a customer; any other waits, suspended, for the operator or a subscription. */
export const decideTrialEnd = (tenant: Tenant, subscribed: boolean): StatusChange =>
  subscribed ? decideMove(tenant, 'active', null) : decideSuspension(tenant, TRIAL_ENDED)
