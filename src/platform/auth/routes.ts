import { Type } from 'typebox'
import { type Keyset, pageOf } from '../http/page.ts'
import { routesOf } from '../http/route.ts'
import { Instant, Name, Nullable, PageOf, PageQuery, Strict } from '../http/schema.ts'
import type { ApiKey, ApiKeyService, NewApiKey } from './api-keys.ts'
import { type AuditRecord, listAudit } from './audit-list.ts'
import { SCOPES } from './caller.ts'

const route = routesOf<{ apiKeys: ApiKeyService }>()

const TenantParams = Strict({ id: Type.String({ maxLength: 64 }) })
const KeyParams = Strict({ id: Type.String({ maxLength: 64 }), key_id: Type.String({ maxLength: 64 }) })
const ScopeName = Type.Enum(SCOPES)

const KEY = {
  id: Type.String(),
  tenant_id: Nullable(Type.String()),
  name: Type.String(),
  prefix: Type.String({ description: 'The first characters, to tell keys apart' }),
  scopes: Type.Array(Type.String()),
  created_at: Instant,
  expires_at: Nullable(Instant),
  last_used_at: Nullable(Instant),
  revoked_at: Nullable(Instant),
  rotated_to: Nullable(Type.String()),
}
const KeyReply = Strict(KEY)
const NewKeyReply = Strict({ ...KEY, secret: Type.String({ description: 'The key itself: shown this once' }) })

const toReply = (key: ApiKey) => ({
  id: key.id,
  tenant_id: key.tenantId,
  name: key.name,
  prefix: key.prefix,
  scopes: [...key.scopes],
  created_at: key.createdAt.toString(),
  expires_at: key.expiresAt?.toString() ?? null,
  last_used_at: key.lastUsedAt?.toString() ?? null,
  revoked_at: key.revokedAt?.toString() ?? null,
  rotated_to: key.rotatedTo,
})
const toNewReply = (key: NewApiKey) => ({ ...toReply(key), secret: key.secret })
const keyset = ({ createdAt, id }: ApiKey): Keyset => ({ at: createdAt, id })

const tenant = 'params.id' as const
const tag = 'API keys'

export const keyRoutes = [
  route.write({
    method: 'POST',
    path: '/tenants/{id}/api-keys',
    id: 'createApiKey',
    tag,
    access: 'both',
    scope: 'keys:write',
    tenant,
    status: 201,
    summary: 'Create an API key',
    description: 'The secret is in this answer and nowhere else. A key can give no scope that it does not have.',
    params: TenantParams,
    body: Strict({
      name: Name,
      scopes: Type.Array(ScopeName, { minItems: 1, maxItems: SCOPES.length, uniqueItems: true }),
      expires_at: Type.Optional(Instant),
    }),
    reply: NewKeyReply,
    errors: { scope_not_grantable: 'the creating key lacks a scope it would give', expiry_in_past: 'expires_at is over' },
    handle: async ({ tx, caller, params, body }, { apiKeys }) =>
      toNewReply(
        await apiKeys.create(tx, caller, params.id, {
          name: body.name,
          scopes: body.scopes,
          expiresAt: body.expires_at === undefined ? undefined : Temporal.Instant.from(body.expires_at),
        }),
      ),
  }),
  route.read({
    method: 'GET',
    path: '/tenants/{id}/api-keys',
    id: 'listApiKeys',
    tag,
    access: 'both',
    scope: 'keys:read',
    tenant,
    summary: 'List API keys, newest first',
    params: TenantParams,
    query: Strict(PageQuery),
    reply: PageOf(KeyReply),
    handle: async ({ tx, params, query }, { apiKeys }) => {
      const { data, nextCursor } = await pageOf(query, (page) => apiKeys.list(tx, params.id, page), keyset)
      return { data: data.map(toReply), next_cursor: nextCursor }
    },
  }),
  route.write({
    method: 'DELETE',
    path: '/tenants/{id}/api-keys/{key_id}',
    id: 'revokeApiKey',
    tag,
    access: 'both',
    scope: 'keys:write',
    tenant,
    summary: 'Revoke an API key',
    description: 'Every process refuses it within a second. Revoking it again changes nothing.',
    params: KeyParams,
    reply: KeyReply,
    errors: { api_key_not_found: 'no such key of this tenant' },
    handle: async ({ tx, params }, { apiKeys }) => toReply(await apiKeys.revoke(tx, params.id, params.key_id)),
  }),
  route.write({
    method: 'POST',
    path: '/tenants/{id}/api-keys/{key_id}/rotate',
    id: 'rotateApiKey',
    tag,
    access: 'both',
    scope: 'keys:write',
    tenant,
    status: 201,
    summary: 'Replace an API key',
    description: 'Makes a successor with the same scopes. The old key works until the overlap ends.',
    params: KeyParams,
    body: Strict({
      overlap_seconds: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 2_592_000, description: 'How long both work; a day unless told' }),
      ),
    }),
    reply: NewKeyReply,
    errors: {
      api_key_not_found: 'no such key of this tenant',
      api_key_not_rotatable: 'it was revoked or rotated before, or has expired',
    },
    handle: async ({ tx, caller, params, body }, { apiKeys }) =>
      toNewReply(await apiKeys.rotate(tx, caller, params.id, params.key_id, body.overlap_seconds ?? 86_400)),
  }),
]

const AuditReply = Strict({
  id: Type.String(),
  at: Instant,
  tenant_id: Nullable(Type.String()),
  actor_kind: Type.String(),
  actor_id: Nullable(Type.String()),
  operation: Type.String(),
  target: Nullable(Type.String()),
  outcome: Type.String(),
  code: Nullable(Type.String()),
  request_id: Nullable(Type.String()),
  ip: Nullable(Type.String()),
})

const toAuditReply = ({ at, ...record }: AuditRecord) => ({ ...record, at: at.toString() })

export const auditRoutes = [
  route.read({
    method: 'GET',
    path: '/audit-log',
    id: 'listAuditLog',
    tag: 'Audit log',
    access: 'both',
    scope: 'audit:read',
    tenant: 'query.tenant_id',
    summary: 'Who did, or was refused, what',
    description:
      'Every mutation and every refusal, newest first. A tenant sees what concerns it, the operator all. Of refusals without end, as of an attack, a thousand of one actor and ten more a second are kept; strangers are one actor.',
    query: Strict({
      ...PageQuery,
      tenant_id: Type.Optional(Type.String({ maxLength: 64 })),
      operation: Type.Optional(Type.String({ maxLength: 100 })),
      outcome: Type.Optional(Type.Union([Type.Literal('done'), Type.Literal('denied')])),
    }),
    reply: PageOf(AuditReply),
    handle: async ({ tx, query }) => {
      const { data, nextCursor } = await pageOf(
        query,
        (page) => listAudit(tx, query, page),
        ({ at, id }) => ({ at, id }),
      )
      return { data: data.map(toAuditReply), next_cursor: nextCursor }
    },
  }),
]
