import { PgBoss } from 'pg-boss'
import pino from 'pino'
import { seedCatalogue } from './modules/catalog/index.ts'
import { seedModelPrices } from './modules/metering/index.ts'
import { systemClock } from './platform/clock.ts'
import { openDatabase } from './platform/db/database.ts'
import { migrateSchema, readMigrations, withOwner } from './platform/db/migrate.ts'
import { SHARED_SCHEMA } from './platform/db/place.ts'
import { APP_ROLE, ensureRoles } from './platform/db/roles.ts'
import { appPassword, withCredentials } from './platform/db/urls.ts'
import { JOB_SCHEMA } from './platform/jobs/jobs.ts'
import { realIds } from './platform/system-ids.ts'

export interface SetupOptions {
  readonly ownerUrl: string
  readonly secret: string
}

/**
 * Brings the operator's database up to date as its owner: roles, both planes, the job queue, the catalogue's seeds. Safe to repeat
 * and to run twice at once. Places of their own (schemas, databases, clusters) follow with `migratePlaces`.
 */
export const setUp = async ({ ownerUrl, secret }: SetupOptions): Promise<{ readonly applied: number }> => {
  const applied = await withOwner(ownerUrl, async (owner) => {
    await ensureRoles(owner, appPassword(secret))
    const count =
      (await migrateSchema(owner, 'public', await readMigrations('control'))) +
      (await migrateSchema(owner, SHARED_SCHEMA, await readMigrations('tenant')))
    await setUpJobs(ownerUrl)
    await owner.query(`grant usage on schema ${JOB_SCHEMA} to ${APP_ROLE};
      grant select, insert, update, delete on all tables in schema ${JOB_SCHEMA} to ${APP_ROLE};
      grant usage on all sequences in schema ${JOB_SCHEMA} to ${APP_ROLE};
      grant execute on all functions in schema ${JOB_SCHEMA} to ${APP_ROLE}`)
    return count
  })
  await seed(withCredentials(ownerUrl, APP_ROLE, appPassword(secret)))
  return { applied }
}

const seed = async (url: string): Promise<void> => {
  const log = pino({ level: 'silent' })
  const db = openDatabase({ url, placeOf: () => async () => undefined, log, controlConnections: 1, planeConnections: 1 })
  const deps = { clock: systemClock, ids: realIds() }
  try {
    await db.control.asOperator('seed the catalogue', async (tx) => {
      await seedCatalogue(tx, deps)
      await seedModelPrices(tx, deps)
    })
  } finally {
    await db.close()
  }
}

const setUpJobs = async (ownerUrl: string): Promise<void> => {
  const boss = new PgBoss({ connectionString: ownerUrl, schema: JOB_SCHEMA, max: 1, supervise: false, schedule: false })
  boss.on('error', () => {}) // start reports it
  await boss.start()
  await boss.stop({ graceful: false })
}
