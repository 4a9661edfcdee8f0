import type { ClientBase } from 'pg'
import type { Database } from '../../platform/db/database.ts'
import { type Migration, migrateSchema, readMigrations, withOwner } from '../../platform/db/migrate.ts'
import { atMost } from '../../platform/db/provision-queue.ts'
import { withDatabase } from '../../platform/db/urls.ts'
import { configError } from '../../platform/errors.ts'
import type { OwnerDeps } from './deps.ts'
import { listBehind, type Placement, setPlaneVersion } from './placement-store.ts'
import { ownerUrlOf } from './provisioner.ts'

export interface PlaceFailure {
  readonly tenantId: string
  readonly message: string
}

export interface PlacesReport {
  readonly migrated: number
  readonly failed: readonly PlaceFailure[]
}

export interface MigratePlacesOptions extends OwnerDeps {
  readonly db: Database
  /** Places at a time. */
  readonly concurrency?: number
  readonly migrations?: readonly Migration[]
  /** Told after every place. */
  readonly onProgress?: (report: PlacesReport) => void
}

const PAGE = 200
const SHOWN = 5

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/** A place that was lost must not come back empty, as if the tenant had never used anything. */
const migrateExisting = async (owner: ClientBase, schema: string, migrations: readonly Migration[]): Promise<void> => {
  const { rowCount } = await owner.query('select from pg_namespace where nspname = $1', [schema])
  if (!rowCount) throw configError('place_lost', `schema ${schema} is gone; restore it from a backup`)
  await migrateSchema(owner, schema, migrations)
}

/**
 * Brings every place of its own to the newest tenant migration (the shared one is migrated with the control plane). Stopped anywhere
 * and run again it goes on with the places that are behind. A place that fails does not stop the others; at the end
 * `places_not_migrated` (kind config) tells which did.
 */
export const migratePlaces = async (options: MigratePlacesOptions): Promise<PlacesReport> => {
  const { db, concurrency = 4, onProgress } = options
  const migrations = options.migrations ?? (await readMigrations('tenant'))
  const newest = migrations.length
  const inTurn = atMost(concurrency)
  const failed: PlaceFailure[] = []
  let migrated = 0

  const migrate = async (placement: Placement): Promise<void> => {
    try {
      const server = await ownerUrlOf(options, placement)
      const url = placement.database === null ? server : withDatabase(server, placement.database)
      await withOwner(url, (owner) => migrateExisting(owner, placement.schema, migrations))
      await db.control.asOperator('note a migrated place', (tx) => setPlaneVersion(tx, placement.tenantId, newest))
      migrated += 1
    } catch (error) {
      failed.push({ tenantId: placement.tenantId, message: reasonOf(error) })
    }
    onProgress?.({ migrated, failed })
  }

  let after = ''
  for (;;) {
    const page = await db.control.asOperator('find places to migrate', (tx) => listBehind(tx, newest, after, PAGE), {
      readOnly: true,
    })
    await Promise.all(page.map((placement) => inTurn(() => migrate(placement))))
    const last = page.at(-1)
    if (!last) break
    after = last.tenantId
  }
  if (failed.length > 0) {
    const shown = failed.slice(0, SHOWN).map(({ tenantId, message }) => `${tenantId}: ${message}`)
    const rest = failed.length > SHOWN ? `; and ${failed.length - SHOWN} more` : ''
    throw configError(
      'places_not_migrated',
      `${migrated} places were migrated, ${failed.length} could not be; mend them and run the command again. ${shown.join('; ')}${rest}`,
      { migrated, failed },
    )
  }
  return { migrated, failed }
}
