import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { withOwner } from '../src/platform/db/migrate.ts'
import { APP_ROLE } from '../src/platform/db/roles.ts'
import { openDatabaseServer } from '../src/platform/db/server.ts'
import { appPassword, withCredentials, withDatabase } from '../src/platform/db/urls.ts'
import { setUp } from '../src/setup.ts'

/** A database of the bench's own. */
export interface BenchPlace {
  readonly ownerUrl: string
  readonly appUrl: string
  readonly secret: string
  readonly server: string
  close(): Promise<void>
}

const log = pino({ level: 'error' })

/** DATABASE_URL where given, else the embedded server in a temporary folder, with its durable settings as they are. */
export const openPlace = async (): Promise<BenchPlace> => {
  const given = process.env.DATABASE_URL
  const place = given ? await onServer(given) : await embedded()
  await setUp(place)
  const [{ server_version: server = '' } = {}] = await withOwner(place.ownerUrl, async (owner) => {
    const { rows } = await owner.query<Record<string, string>>('show server_version')
    return rows
  })
  return { ...place, server: `PostgreSQL ${server}, ${given ? 'DATABASE_URL' : 'embedded'}` }
}

const onServer = async (serverUrl: string) => {
  const secret = randomBytes(32).toString('base64')
  const name = `cognitionos_bench_${randomBytes(4).toString('hex')}`
  await withOwner(serverUrl, (owner) => owner.query(`create database ${name}`))
  const ownerUrl = withDatabase(serverUrl, name)
  return {
    ownerUrl,
    appUrl: withCredentials(ownerUrl, APP_ROLE, appPassword(secret)),
    secret,
    close: () => withOwner(serverUrl, (owner) => owner.query(`drop database ${name} with (force)`)).then(() => {}),
  }
}

const embedded = async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cognitionos-bench-'))
  const server = await openDatabaseServer({ ownerUrl: undefined, appUrl: undefined, secret: undefined, dataDir, log })
  const { ownerUrl, appUrl, secret } = server
  return {
    ownerUrl,
    appUrl,
    secret,
    async close() {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
