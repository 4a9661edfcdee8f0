import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../clock.ts'
import type { ControlTx } from '../db/database.ts'
import { conflict, forbidden, notFound, unprocessable } from '../errors.ts'
import type { Keyset } from '../http/page.ts'
import { type Caller, may, type Scope } from './caller.ts'
import { hashKey, newKey, visiblePrefix } from './key-format.ts'

export interface ApiKey {
  readonly id: string
  readonly tenantId: string | null
  readonly name: string
  readonly prefix: string
  readonly scopes: readonly string[]
  readonly createdAt: Temporal.Instant
  readonly expiresAt: Temporal.Instant | null
  readonly lastUsedAt: Temporal.Instant | null
  readonly revokedAt: Temporal.Instant | null
  readonly rotatedTo: string | null
}

/** A key as it is told once, when it is made. */
export interface NewApiKey extends ApiKey {
  readonly secret: string
}

export interface NewKeyInput {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expiresAt?: Temporal.Instant | undefined
}

const COLUMNS = [
  'id',
  'tenant_id',
  'name',
  'prefix',
  'scopes',
  'created_at',
  'expires_at',
  'last_used_at',
  'revoked_at',
  'rotated_to',
] as const

interface Row {
  readonly id: string
  readonly tenant_id: string | null
  readonly name: string
  readonly prefix: string
  readonly scopes: string[]
  readonly created_at: Temporal.Instant
  readonly expires_at: Temporal.Instant | null
  readonly last_used_at: Temporal.Instant | null
  readonly revoked_at: Temporal.Instant | null
  readonly rotated_to: string | null
}

const fromRow = (row: Row): ApiKey => ({
  id: row.id,
  tenantId: row.tenant_id,
  name: row.name,
  prefix: row.prefix,
  scopes: row.scopes,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
  rotatedTo: row.rotated_to,
})

const requireTenant = async (tx: ControlTx, tenantId: string): Promise<void> => {
  const tenant = await tx.selectFrom('tenants').select('id').where('id', '=', tenantId).executeTakeFirst()
  if (!tenant) throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
}

/** What has become of a key that can have no successor. */
const pastOf = ({ revokedAt, rotatedTo, expiresAt }: ApiKey, now: Temporal.Instant): string | undefined => {
  if (revokedAt) return 'was revoked'
  if (rotatedTo) return 'was rotated'
  return expiresAt && Temporal.Instant.compare(expiresAt, now) <= 0 ? 'expired' : undefined
}

const unknownKey = (id: string) => notFound('api_key_not_found', `API key ${id} does not exist`)
/** What an operator's key may do: everything, for all tenants. */
export const OPERATOR_SCOPES = ['*'] as const

export type ApiKeyService = ReturnType<typeof apiKeyService>

export const apiKeyService = ({ clock, ids }: { readonly clock: Clock; readonly ids: IdSource }) => {
  const insert = async (
    tx: ControlTx,
    tenantId: string | null,
    input: { name: string; scopes: readonly string[]; expiresAt?: Temporal.Instant | null | undefined },
  ) => {
    const secret = newKey(tenantId === null ? 'op' : 'tn')
    const row = await tx
      .insertInto('api_keys')
      .values({
        id: ids.next('key'),
        tenant_id: tenantId,
        name: input.name,
        prefix: visiblePrefix(secret),
        hash: hashKey(secret),
        scopes: [...input.scopes],
        created_at: clock.now(),
        expires_at: input.expiresAt ?? null,
      })
      .returning(COLUMNS)
      .executeTakeFirstOrThrow()
    return { ...fromRow(row), secret } satisfies NewApiKey
  }

  const lock = async (tx: ControlTx, tenantId: string, id: string): Promise<ApiKey> => {
    const row = await tx
      .selectFrom('api_keys')
      .select(COLUMNS)
      .where('id', '=', id)
      .where('tenant_id', '=', tenantId)
      .forUpdate()
      .executeTakeFirst()
    if (!row) throw unknownKey(id)
    return fromRow(row)
  }

  return {
    /** A key of a tenant. A tenant's key can give no more than it has itself: 403 `scope_not_grantable`. */
    async create(tx: ControlTx, caller: Caller, tenantId: string, input: NewKeyInput): Promise<NewApiKey> {
      await requireTenant(tx, tenantId)
      const beyond = input.scopes.find((scope) => !may(caller, scope))
      if (beyond) throw forbidden('scope_not_grantable', `your key does not have ${beyond}, so it cannot give it`)
      if (input.expiresAt && Temporal.Instant.compare(input.expiresAt, clock.now()) <= 0)
        throw unprocessable('expiry_in_past', 'expires_at is in the past; leave it out for a key that does not expire')
      return insert(tx, tenantId, input)
    },

    /** An operator's key: made at the first start and by the command line only. */
    createOperator: (tx: ControlTx, name: string, expiresAt?: Temporal.Instant): Promise<NewApiKey> =>
      insert(tx, null, { name, scopes: OPERATOR_SCOPES, expiresAt }),

    /** Operator keys that still work. */
    async listOperator(tx: ControlTx): Promise<readonly ApiKey[]> {
      const rows = await tx
        .selectFrom('api_keys')
        .select(COLUMNS)
        .where('tenant_id', 'is', null)
        .where('revoked_at', 'is', null)
        .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', clock.now())]))
        .orderBy('created_at', 'desc')
        .execute()
      return rows.map(fromRow)
    },

    /** The same for a key of an operator. */
    async revokeOperator(tx: ControlTx, id: string): Promise<ApiKey> {
      const row = await tx
        .updateTable('api_keys')
        .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(clock.now())) }))
        .where('id', '=', id)
        .where('tenant_id', 'is', null)
        .returning(COLUMNS)
        .executeTakeFirst()
      if (!row) throw unknownKey(id)
      return fromRow(row)
    },

    async list(
      tx: ControlTx,
      tenantId: string,
      { limit, after }: { limit: number; after?: Keyset | undefined },
    ): Promise<readonly ApiKey[]> {
      await requireTenant(tx, tenantId)
      let query = tx.selectFrom('api_keys').select(COLUMNS).where('tenant_id', '=', tenantId)
      if (after)
        query = query.where((eb) =>
          eb.or([eb('created_at', '<', after.at), eb.and([eb('created_at', '=', after.at), eb('id', '<', after.id)])]),
        )
      const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
      return rows.map(fromRow)
    },

    /** Refused everywhere within a second. Revoking twice is no error. */
    async revoke(tx: ControlTx, tenantId: string, id: string): Promise<ApiKey> {
      const key = await lock(tx, tenantId, id)
      if (key.revokedAt) return key
      const revokedAt = clock.now()
      await tx.updateTable('api_keys').set({ revoked_at: revokedAt }).where('id', '=', id).execute()
      return { ...key, revokedAt }
    },

    /** A successor with the same scopes; the old key works until the overlap ends. */
    async rotate(tx: ControlTx, caller: Caller, tenantId: string, id: string, overlapSeconds: number): Promise<NewApiKey> {
      const key = await lock(tx, tenantId, id)
      const past = pastOf(key, clock.now())
      if (past) throw conflict('api_key_not_rotatable', `API key ${id} ${past} before; create a new one`)
      const beyond = key.scopes.find((scope) => !caller.scopes.has('*') && !caller.scopes.has(scope))
      if (beyond) throw forbidden('scope_not_grantable', `your key does not have ${beyond}, so it cannot renew a key that has`)
      const next = await insert(tx, tenantId, { name: key.name, scopes: key.scopes, expiresAt: key.expiresAt })
      const ends = clock.now().add({ seconds: overlapSeconds })
      const expires = key.expiresAt && Temporal.Instant.compare(key.expiresAt, ends) < 0 ? key.expiresAt : ends
      await tx.updateTable('api_keys').set({ rotated_to: next.id, expires_at: expires }).where('id', '=', id).execute()
      return next
    },
  }
}
