import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../../config.ts'
import { type DatabaseServer, openDatabaseServer, runningServer } from '../../platform/db/server.ts'
import { AppError } from '../../platform/errors.ts'
import { type Check, fail, ok, reasonOf, warn } from './check.ts'
import { connected, migrationChecks, placesCheck, safetyChecks, skewCheck } from './database.ts'
import { redisChecks } from './redis.ts'

const NEEDED_NODE = 26

const nodeCheck = (version: string): Check => {
  const major = Number.parseInt(version, 10)
  return major >= NEEDED_NODE
    ? ok('node', version)
    : fail('node', `${version} is too old`, `use Node ${NEEDED_NODE} or later; npm ci brings one`)
}

const secretCheck = ({ secret, database }: Config): Check => {
  if (secret !== undefined) return ok('secret', 'COGNITIONOS_SECRET is set')
  if (database.ownerUrl === undefined)
    return ok('secret', `kept in ${join(database.dataDir, 'secret')}; keep a copy with your backups`)
  return fail(
    'secret',
    'COGNITIONOS_SECRET is not set',
    'set it to the same text in every process; make one with: openssl rand -base64 32',
  )
}

const nameOf = ({ ownerUrl, embedded }: Pick<DatabaseServer, 'ownerUrl' | 'embedded'>): string => {
  const { hostname, port, pathname } = new URL(ownerUrl)
  return embedded ? `embedded in ${embedded.dataDir}, port ${embedded.port}` : `${hostname}:${port || 5432}${pathname}`
}

const attempt = async (name: string, mend: string, look: () => Promise<readonly Check[]>): Promise<readonly Check[]> => {
  try {
    return await look()
  } catch (error) {
    return [fail(name, reasonOf(error), mend)]
  }
}

const examineServer = async (server: DatabaseServer, now: () => Temporal.Instant): Promise<readonly Check[]> => {
  const owner = await attempt('database', 'start PostgreSQL, or correct DATABASE_URL', () =>
    connected(server.ownerUrl, async (client) => [
      ok('database', nameOf(server)),
      await skewCheck(client, now),
      ...(await migrationChecks(client)),
    ]),
  )
  if (owner[0]?.state === 'fail') return owner
  const app = await attempt(
    'role',
    'run: cognitionos migrate (it makes the role, and its password from COGNITIONOS_SECRET)',
    () => connected(server.appUrl, safetyChecks),
  )
  const migrated = owner.every(({ state }) => state !== 'fail') && app.every(({ state }) => state !== 'fail')
  if (!migrated) return [...owner, ...app]
  return [
    ...owner,
    ...app,
    ...(await attempt('places', 'see the reason', () => connected(server.appUrl, async (client) => [await placesCheck(client)]))),
  ]
}

const isMade = (dataDir: string): Promise<boolean> =>
  access(join(dataDir, 'pg')).then(
    () => true,
    () => false,
  )

const databaseChecks = async (
  { database, secret }: Config,
  log: Logger,
  now: () => Temporal.Instant,
): Promise<readonly Check[]> => {
  const { ownerUrl, appUrl, dataDir } = database
  if (ownerUrl === undefined && !(await isMade(dataDir)))
    return [warn('database', `there is none yet in ${dataDir}`, '`cognitionos serve` makes an embedded one; or set DATABASE_URL')]
  if (ownerUrl !== undefined && secret === undefined)
    return attempt('database', 'start PostgreSQL, or correct DATABASE_URL', () =>
      connected(ownerUrl, async () => [ok('database', nameOf({ ownerUrl, embedded: undefined }))]),
    )
  let server: DatabaseServer
  try {
    server = await openDatabaseServer({ ownerUrl, appUrl, secret, dataDir, log })
  } catch (error) {
    if (error instanceof AppError && error.code === 'data_folder_in_use')
      return attempt('database', 'wait until the server that has the data folder has started, and look again', async () =>
        examineServer(await runningServer({ dataDir, secret }), now),
      )
    return [fail('database', reasonOf(error), 'see the reason, or set DATABASE_URL')]
  }
  try {
    return await examineServer(server, now)
  } finally {
    await server.stop()
  }
}

export interface Examination {
  readonly config: Config
  readonly log: Logger
  readonly nodeVersion: string
  readonly now: () => Temporal.Instant
}

/** Looks at everything that the server needs; changes nothing. */
export const examine = async ({ config, log, nodeVersion, now }: Examination): Promise<readonly Check[]> => [
  nodeCheck(nodeVersion),
  secretCheck(config),
  ...(await databaseChecks(config, log, now)),
  ...(await redisChecks(config.redis)),
]
