import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/platform/db/database.ts'
import { withOwner } from '../../src/platform/db/migrate.ts'
import { SHARED_SCHEMA } from '../../src/platform/db/place.ts'
import { APP_ROLE } from '../../src/platform/db/roles.ts'
import { appPassword, withCredentials, withDatabase } from '../../src/platform/db/urls.ts'
import { logger } from '../../src/platform/telemetry/log.ts'

export interface TestDatabase {
  readonly db: Database
  readonly ownerUrl: string
  readonly appUrl: string
  readonly secret: string
  /** A tenant on the shared level, written by the owner: no service, no subscription. */
  createTenant(id?: string, overrides?: { readonly timeZone?: string }): Promise<string>
  close(): Promise<void>
}

export const silent = logger('silent')

/** A migrated and seeded database of this test file's own, copied from the template; `close` drops it. */
export const testDatabase = async (): Promise<TestDatabase> => {
  const serverUrl = inject('serverUrl')
  const secret = inject('secret')
  const name = `${inject('template')}_${randomBytes(4).toString('hex')}`
  await withOwner(serverUrl, (owner) => owner.query(`create database ${name} template ${inject('template')}`))
  const ownerUrl = withDatabase(serverUrl, name)
  const appUrl = withCredentials(ownerUrl, APP_ROLE, appPassword(secret))
  const db = openDatabase({
    url: appUrl,
    placeOf: () => async (tenantId) =>
      tenantId.startsWith('tnt_') ? { isolation: 'SHARED', url: appUrl, schema: SHARED_SCHEMA } : undefined,
    log: silent,
    controlConnections: 8,
    planeConnections: 8,
  })
  return {
    db,
    ownerUrl,
    appUrl,
    secret,
    async createTenant(id = `tnt_${randomBytes(13).toString('hex')}`, { timeZone = 'UTC' } = {}) {
      await withOwner(ownerUrl, async (owner) => {
        await owner.query(
          `insert into tenants (id, slug, name, type, status, isolation, currency, time_zone, quota_storage_gb, quota_api_calls_per_hour,
             quota_users, quota_compute_hours, created_at, updated_at)
           values ($1, $1, $1, 'SMALL_BUSINESS', 'active', 'SHARED', 'USD', $2, 100, 10000, 25, 100, now(), now())`,
          [id, timeZone],
        )
        await owner.query(
          `insert into placements (tenant_id, isolation, state, schema_name, plane_version, created_at)
           values ($1, 'SHARED', 'ready', $2, 1, now())`,
          [id, SHARED_SCHEMA],
        )
      })
      return id
    },
    async close() {
      await db.close()
      await withOwner(serverUrl, (owner) => owner.query(`drop database ${name} with (force)`))
    },
  }
}
