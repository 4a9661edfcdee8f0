import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabaseServer } from '../../src/platform/db/server.ts'
import { logger } from '../../src/platform/telemetry/log.ts'
import { setUp } from '../../src/setup.ts'
import { installedVersion, openPooler } from './pgbouncer.ts'
import { takeTurns } from './take-turns.ts'

// npm run test:pgbouncer [transactions]: the server behind a real PgBouncer in transaction mode. Needs the Debian package pgbouncer.
const [transactions = 5_000] = process.argv.slice(2).map(Number)
const CONNECTIONS = 4
const told = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const check = async (version: string): Promise<readonly string[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'cognitionos-pgbouncer-'))
  const log = logger('silent')
  const server = await openDatabaseServer({
    ownerUrl: undefined,
    appUrl: undefined,
    secret: undefined,
    dataDir: join(folder, 'data'),
    log,
  })
  try {
    await setUp(server)
    const pooler = await openPooler(folder, server.ownerUrl, version, CONNECTIONS)
    const appUrl = new URL(server.appUrl)
    appUrl.port = String(pooler.port)
    if (!pooler.keepsStatements) appUrl.searchParams.set('prepare', 'false')
    told(`PgBouncer ${version}, ${CONNECTIONS} connections, prepared statements ${pooler.keepsStatements ? 'kept' : 'off'}`)
    try {
      return await takeTurns({ server: { ...server, appUrl: appUrl.href }, log, transactions, told })
    } finally {
      await pooler.stop()
    }
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

const version = installedVersion()
if (version === undefined) told('skipped: there is no pgbouncer here; on Debian: apt-get install pgbouncer')
else {
  const faults = await check(version)
  for (const fault of faults.slice(0, 20)) told(`  ${fault}`)
  told(faults.length === 0 ? 'no tenant saw another’s rows, and nothing was lost or doubled' : `${faults.length} faults`)
  if (faults.length > 0) process.exitCode = 1
}
