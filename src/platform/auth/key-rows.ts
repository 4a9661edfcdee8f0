import { sql } from 'kysely'
import type { Database } from '../db/database.ts'

/** A key as it is stored, with how its tenant stands. */
export interface KeyRow {
  readonly id: string
  readonly tenant_id: string | null
  readonly hash: Buffer
  readonly scopes: readonly string[]
  readonly expires_at: Temporal.Instant | null
  readonly revoked_at: Temporal.Instant | null
  readonly tenant_status: string | null
}

/** Of so many hashes those that are somebody's key, in one query. */
export type FindKeys = (hashes: readonly Buffer[]) => Promise<readonly KeyRow[]>

export const findKeys =
  (db: Pick<Database, 'lookup'>): FindKeys =>
  (hashes) =>
    db.lookup((tx) =>
      tx
        .selectFrom('api_keys')
        .leftJoin('tenants', 'tenants.id', 'api_keys.tenant_id')
        .select([
          'api_keys.id',
          'api_keys.tenant_id',
          'hash',
          'scopes',
          'expires_at',
          'revoked_at',
          'tenants.status as tenant_status',
        ])
        .where(sql<boolean>`hash = any(${hashes}::bytea[])`)
        .execute(),
    )
