import { type Static, Type } from 'typebox'
import { ISOLATION_LEVELS } from '../../platform/db/place.ts'
import { routesOf } from '../../platform/http/route.ts'
import {
  CurrencyCode,
  Id,
  Instant,
  Metadata,
  Name,
  Nullable,
  PageOf,
  PageQuery,
  Strict,
  TimeZone,
} from '../../platform/http/schema.ts'
import type { TenantService } from './service.ts'
import { MAX_SLUG, SLUG_PATTERN } from './slug.ts'
import { type Quotas, TENANT_STATUSES, TENANT_TYPES, type Tenant } from './tenant.ts'
import { Email, toUserReply, UserReply } from './user-routes.ts'

const TenantTypeOf = Type.Enum([...TENANT_TYPES], { description: 'Decides the default quotas' })
const Status = Type.Enum([...TENANT_STATUSES])
const Isolation = Type.Enum([...ISOLATION_LEVELS], {
  description: 'SHARED: tables with row security; SCHEMA, DATABASE: its own; CLUSTER: a registered server',
})
const Slug = Type.String({ pattern: SLUG_PATTERN, minLength: 1, maxLength: MAX_SLUG, examples: ['acme'] })
const Reason = Type.String({ minLength: 1, maxLength: 500, examples: ['invoice 60 days overdue'] })
const Quota = Type.Integer({ minimum: 0, maximum: 2_000_000_000 })
const QuotasReply = Strict({ storage_gb: Quota, api_calls_per_hour: Quota, users: Quota, compute_hours: Quota })
const QuotasChange = Strict(
  {
    storage_gb: Type.Optional(Quota),
    api_calls_per_hour: Type.Optional(Quota),
    users: Type.Optional(Quota),
    compute_hours: Type.Optional(Quota),
  },
  { description: 'By the operator only; those left out stay' },
)

const TENANT = {
  id: Id('tnt'),
  slug: Slug,
  name: Name,
  type: TenantTypeOf,
  status: Status,
  status_reason: Nullable(Type.String()),
  isolation: Isolation,
  currency: CurrencyCode,
  time_zone: TimeZone,
  parent_id: Nullable(Id('tnt')),
  trial_ends_at: Nullable(Instant),
  quotas: QuotasReply,
  metadata: Metadata,
  created_at: Instant,
  updated_at: Instant,
}
const TenantReply = Strict(TENANT)
const CreatedReply = Strict({ ...TENANT, owner: UserReply })
const TenantParams = Strict({ id: Id('tnt') })

const quotasReply = (quotas: Quotas) => ({
  storage_gb: quotas.storageGb,
  api_calls_per_hour: quotas.apiCallsPerHour,
  users: quotas.users,
  compute_hours: quotas.computeHours,
})

const toReply = (tenant: Tenant): Static<typeof TenantReply> => ({
  id: tenant.id,
  slug: tenant.slug,
  name: tenant.name,
  type: tenant.type,
  status: tenant.status,
  status_reason: tenant.statusReason,
  isolation: tenant.isolation,
  currency: tenant.currency,
  time_zone: tenant.timeZone,
  parent_id: tenant.parentId,
  trial_ends_at: tenant.trialEndsAt?.toString() ?? null,
  quotas: quotasReply(tenant.quotas),
  metadata: { ...tenant.metadata },
  created_at: tenant.createdAt.toString(),
  updated_at: tenant.updatedAt.toString(),
})

const NOT_FOUND = { tenant_not_found: 'there is no such tenant' }
const route = routesOf<{ tenants: TenantService }>()

export const tenantRoutes = [
  route.steps({
    method: 'POST',
    path: '/tenants',
    id: 'createTenant',
    tag: 'Tenants',
    summary: 'Create a tenant and provision its isolation level',
    description:
      'The place for its data is built before the answer, or nothing is created. The owner becomes its first user, an admin. ' +
      'Without a trial the tenant is active at once; `activate: false` lets it wait for POST …/activate.',
    access: 'operator',
    scope: 'tenants:write',
    body: Strict({
      name: Name,
      slug: Type.Optional(Slug),
      type: TenantTypeOf,
      isolation: Type.Optional(Isolation),
      cluster_id: Type.Optional(Id('cls')),
      currency: Type.Optional(CurrencyCode),
      time_zone: Type.Optional(TimeZone),
      parent_id: Type.Optional(Id('tnt')),
      owner: Strict({ email: Email, name: Name }),
      trial: Type.Optional(Type.Boolean({ description: 'A trial of 14 days, or of trial_days' })),
      trial_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 365 })),
      activate: Type.Optional(Type.Boolean({ description: 'False: pending_activation until the operator activates it' })),
      metadata: Type.Optional(Metadata),
    }),
    reply: CreatedReply,
    status: 201,
    errors: {
      tenant_slug_taken: 'another tenant has the slug',
      tenant_creation_in_progress: 'the same request is still being worked on',
      place_exists: 'a schema or database with the name of the place exists already',
      cluster_not_found: 'cluster_id is not a registered cluster',
      cluster_required: 'isolation CLUSTER without cluster_id',
      cluster_not_used: 'cluster_id with another isolation',
      parent_not_found: 'parent_id is no tenant',
      parent_not_allowed: 'the parent is neither reseller nor partner, or has left',
      time_zone_unknown: 'not an IANA time zone',
      currency_unknown: 'not an ISO 4217 currency',
      email_invalid: 'the owner’s email is no address',
      trial_contradicted: 'trial, trial_days and activate contradict each other',
      place_unavailable: 'the server for the place cannot be reached',
    },
    handle: async ({ body, idempotencyKey }, { tenants }) => {
      const input = {
        name: body.name,
        slug: body.slug,
        type: body.type,
        isolation: body.isolation,
        clusterId: body.cluster_id,
        currency: body.currency,
        timeZone: body.time_zone,
        parentId: body.parent_id,
        owner: body.owner,
        trial: body.trial,
        trialDays: body.trial_days,
        activate: body.activate,
        metadata: body.metadata,
      }
      const { tenant, owner } = await tenants.create(input, idempotencyKey)
      return { ...toReply(tenant), owner: toUserReply(owner) }
    },
  }),

  route.read({
    method: 'GET',
    path: '/tenants',
    id: 'listTenants',
    tag: 'Tenants',
    summary: 'List tenants, newest first',
    access: 'operator',
    scope: 'tenants:read',
    query: Strict({
      ...PageQuery,
      status: Type.Optional(Status),
      type: Type.Optional(TenantTypeOf),
      isolation: Type.Optional(Isolation),
      q: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Part of the name or slug' })),
    }),
    reply: PageOf(TenantReply),
    errors: { cursor_invalid: 'the cursor was not made by this list' },
    handle: async ({ tx, query }, { tenants }) => {
      const { data, nextCursor } = await tenants.list(tx, query, query)
      return { data: data.map(toReply), next_cursor: nextCursor }
    },
  }),

  route.read({
    method: 'GET',
    path: '/tenants/{id}',
    id: 'getTenant',
    tag: 'Tenants',
    summary: 'Read a tenant',
    access: 'both',
    scope: 'tenants:read',
    tenant: 'params.id',
    params: TenantParams,
    reply: TenantReply,
    errors: NOT_FOUND,
    handle: async ({ tx, params }, { tenants }) => toReply(await tenants.get(tx, params.id)),
  }),

  route.write({
    method: 'PATCH',
    path: '/tenants/{id}',
    id: 'changeTenant',
    tag: 'Tenants',
    summary: 'Change a tenant',
    description:
      'Fields left out stay; metadata is replaced as a whole. A new time zone holds for subscriptions made from then on.',
    access: 'both',
    scope: 'tenants:write',
    tenant: 'params.id',
    params: TenantParams,
    body: Strict({
      name: Type.Optional(Name),
      time_zone: Type.Optional(TimeZone),
      metadata: Type.Optional(Metadata),
      quotas: Type.Optional(QuotasChange),
    }),
    reply: TenantReply,
    errors: {
      ...NOT_FOUND,
      operator_only_field: 'a tenant’s key sent a field that only the operator changes',
      time_zone_unknown: 'not an IANA time zone',
    },
    handle: async ({ tx, caller, params, body }, { tenants }) => {
      const quotas = body.quotas && {
        storageGb: body.quotas.storage_gb,
        apiCallsPerHour: body.quotas.api_calls_per_hour,
        users: body.quotas.users,
        computeHours: body.quotas.compute_hours,
      }
      const change = { name: body.name, timeZone: body.time_zone, metadata: body.metadata, quotas }
      return toReply(await tenants.change(tx, params.id, change, caller.kind))
    },
  }),

  route.write({
    method: 'POST',
    path: '/tenants/{id}/suspend',
    id: 'suspendTenant',
    tag: 'Tenants',
    summary: 'Suspend a tenant: its keys answer 403 within a second',
    access: 'operator',
    scope: 'tenants:write',
    tenant: 'params.id',
    params: TenantParams,
    body: Strict({ reason: Reason }),
    reply: TenantReply,
    errors: { ...NOT_FOUND, tenant_status_conflict: 'the tenant’s status does not allow it' },
    handle: async ({ tx, params, body }, { tenants }) => toReply(await tenants.suspend(tx, params.id, body.reason)),
  }),

  route.write({
    method: 'POST',
    path: '/tenants/{id}/activate',
    id: 'activateTenant',
    tag: 'Tenants',
    summary: 'Activate a tenant: one that waits, is in its trial, suspended or has left',
    description: 'A suspended tenant goes back to what it was; to a trial only while its time is not over.',
    access: 'operator',
    scope: 'tenants:write',
    tenant: 'params.id',
    params: TenantParams,
    body: Strict({ reason: Type.Optional(Reason) }),
    reply: TenantReply,
    errors: { ...NOT_FOUND, tenant_status_conflict: 'the tenant’s status does not allow it' },
    handle: async ({ tx, params, body }, { tenants }) => toReply(await tenants.activate(tx, params.id, body.reason)),
  }),
]
