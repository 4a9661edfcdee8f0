import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { migratePlaces, placeOf } from '../modules/tenants/index.ts'
import { openDatabase } from '../platform/db/database.ts'
import { openDatabaseServer } from '../platform/db/server.ts'
import { logger } from '../platform/telemetry/log.ts'
import { setUp } from '../setup.ts'
import { print, printJson, wantsJson } from './output.ts'
import { grouped } from './table.ts'

const REPORT_EVERY = 100

const migrate = async (concurrency: number, json: boolean): Promise<void> => {
  const { database, secret: given } = readConfig()
  const log = logger('warn')
  const { ownerUrl, appUrl, dataDir, planeConnections } = database
  const server = await openDatabaseServer({ ownerUrl, appUrl, secret: given, dataDir, log })
  try {
    const { applied } = await setUp(server)
    if (!json) print(`control plane and shared place: ${applied} migrations applied`)
    const { secret } = server
    const places = placeOf({ appUrl: server.appUrl, secret })
    const db = openDatabase({ url: server.appUrl, placeOf: places, log, controlConnections: concurrency, planeConnections })
    try {
      const { migrated } = await migratePlaces({
        db,
        ownerUrl: server.ownerUrl,
        secret,
        concurrency,
        onProgress: ({ migrated: done, failed }) => {
          if (json || (done + failed.length) % REPORT_EVERY !== 0) return
          print(`places of their own: ${grouped(done)} migrated${failed.length > 0 ? `, ${failed.length} failed` : ''} …`)
        },
      })
      if (json) printJson({ applied, places_migrated: migrated })
      else print(`places of their own: ${grouped(migrated)} migrated; everything is up to date`)
    } finally {
      await db.close()
    }
  } finally {
    await server.stop()
  }
}

const DEFAULT_AT_A_TIME = 4

export const addMigrate = (program: Command): void => {
  program
    .command('migrate')
    .summary('bring the database and every place up to date')
    .description(
      'Brings the control plane, the shared place and then every schema, database and cluster of a tenant up to date. Stopped anywhere ' +
        'and run again, it goes on where it was; a place that fails does not hold up the others.',
    )
    .option('--concurrency <n>', 'places at a time', (text) => Math.max(1, Number.parseInt(text, 10) || 1), DEFAULT_AT_A_TIME)
    .addHelpText(
      'after',
      '\nExamples:\n  cognitionos migrate\n  DATABASE_URL=postgres://… cognitionos migrate --concurrency 16 --json',
    )
    .action(({ concurrency }: { concurrency: number }, command: Command) => migrate(concurrency, wantsJson(command)))
}
