import { type Static, Type } from 'typebox'
import { routesOf } from '../../platform/http/route.ts'
import { PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import type { LimitTerms, LimitVersion, RateLimit } from './limit.ts'
import { ChangeBody, CreateBody, LimitDetailReply, LimitParams, LimitReply, type VersionReply } from './schema.ts'
import type { LimitService } from './service.ts'
import { limitPolicyFrom, overrideFrom, reserveFrom, scheduleFrom, statedTerms } from './stated.ts'

const limitReply = ({ id, createdAt, archivedAt, current, level }: RateLimit): Static<typeof LimitReply> => ({
  id,
  ...statedTerms(current),
  level,
  version: current.version,
  created_at: createdAt.toString(),
  changed_at: current.createdAt.toString(),
  archived_at: archivedAt?.toString() ?? null,
})

const versionReply = (version: LimitVersion, until: Temporal.Instant | null): Static<typeof VersionReply> => ({
  ...statedTerms(version),
  version: version.version,
  created_at: version.createdAt.toString(),
  until: until?.toString() ?? null,
})

const changeOf = (body: Static<typeof ChangeBody>): Partial<LimitTerms> => {
  const { policy, overrides, schedule, reserved, on_unavailable: onUnavailable, ...rest } = body
  return {
    ...rest,
    ...(policy === undefined ? {} : limitPolicyFrom(policy)),
    ...(overrides === undefined ? {} : { overrides: overrides.map(overrideFrom) }),
    ...(schedule === undefined ? {} : { schedule: scheduleFrom(schedule) }),
    ...(reserved === undefined ? {} : { reserved: reserved.map(reserveFrom) }),
    ...(onUnavailable === undefined ? {} : { onUnavailable }),
  }
}

const termsOf = (body: Static<typeof CreateBody>): LimitTerms => ({
  name: body.name,
  scopes: body.scopes,
  ...limitPolicyFrom(body.policy),
  overrides: (body.overrides ?? []).map(overrideFrom),
  endpoints: body.endpoints ?? [],
  resources: body.resources ?? [],
  schedule: scheduleFrom(body.schedule ?? []),
  reserved: (body.reserved ?? []).map(reserveFrom),
  priority: body.priority ?? 0,
  mode: body.mode ?? 'enforce',
  onUnavailable: body.on_unavailable ?? 'closed',
  leased: body.leased ?? false,
})

const route = routesOf<{ rateLimits: LimitService }>()
const SHARED = { tag: 'Rate limits', access: 'operator' } as const
const NOT_FOUND = { rate_limit_not_found: 'No such limit' }
const INVALID = {
  policy_invalid: 'A number of the policy cannot be counted; the detail says which and what it may be',
  time_zone_unknown: 'No such time zone',
  schedule_invalid: 'A span of the schedule holds never or always, or all together always',
  reserved_invalid: 'More than the whole is reserved, or a part of money, or of a bucket that cannot be counted so',
  scopes_contradict: 'GLOBAL stands alone',
  override_invalid: 'An override matches everything, or counts in another unit',
  lease_invalid: 'The limit cannot be leased; the detail says why',
}

export const rateLimitRoutes = [
  route.write({
    ...SHARED,
    method: 'POST',
    path: '/rate-limits',
    id: 'createRateLimit',
    summary: 'Make a limit, in force within a second on every server',
    description: 'It enforces, and refuses while its counts cannot be reached, unless told otherwise.',
    scope: 'limits:write',
    body: CreateBody,
    reply: LimitReply,
    status: 201,
    errors: INVALID,
    handle: async ({ tx, body }, { rateLimits }) => limitReply(await rateLimits.create(tx, termsOf(body))),
  }),
  route.read({
    ...SHARED,
    method: 'GET',
    path: '/rate-limits',
    id: 'listRateLimits',
    summary: 'List the limits, oldest first',
    scope: 'limits:read',
    query: Strict({ ...PageQuery, archived: Type.Optional(Type.Boolean({ description: 'Those no longer in force instead' })) }),
    reply: PageOf(LimitReply),
    errors: { cursor_invalid: 'The cursor is not one of ours' },
    handle: async ({ tx, query }, { rateLimits }) => {
      const { data, nextCursor } = await rateLimits.list(tx, query)
      return { data: data.map(limitReply), next_cursor: nextCursor }
    },
  }),
  route.read({
    ...SHARED,
    method: 'GET',
    path: '/rate-limits/{id}',
    id: 'getRateLimit',
    summary: 'Read a limit with its versions, newest first',
    scope: 'limits:read',
    params: LimitParams,
    query: Strict(PageQuery),
    reply: LimitDetailReply,
    errors: { ...NOT_FOUND, cursor_invalid: 'The cursor is not one of ours' },
    handle: async ({ tx, params, query }, { rateLimits }) => {
      const { limit, versions, nextCursor } = await rateLimits.read(tx, params.id, query)
      return {
        ...limitReply(limit),
        versions: versions.map((version) => versionReply(version, version.replacedAt ?? limit.archivedAt)),
        next_cursor: nextCursor,
      }
    },
  }),
  route.write({
    ...SHARED,
    method: 'PATCH',
    path: '/rate-limits/{id}',
    id: 'changeRateLimit',
    summary: 'Change a limit, on every server within a second',
    description:
      'A new version; what held before stays readable. What was taken stays taken under another number, window or pace; another algorithm begins anew.',
    scope: 'limits:write',
    params: LimitParams,
    body: ChangeBody,
    reply: LimitReply,
    errors: { ...NOT_FOUND, ...INVALID, rate_limit_archived: 'The limit is in force no more' },
    handle: async ({ tx, params, body }, { rateLimits }) => limitReply(await rateLimits.change(tx, params.id, changeOf(body))),
  }),
  route.write({
    ...SHARED,
    method: 'DELETE',
    path: '/rate-limits/{id}',
    id: 'archiveRateLimit',
    summary: 'Take a limit out of force',
    description: 'Its versions and violations stay readable.',
    scope: 'limits:write',
    params: LimitParams,
    reply: LimitReply,
    errors: NOT_FOUND,
    handle: async ({ tx, params }, { rateLimits }) => limitReply(await rateLimits.archive(tx, params.id)),
  }),
]
