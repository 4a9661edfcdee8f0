import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { configError } from '../errors.ts'
import { withOwner } from './migrate.ts'
import { APP_ROLE } from './roles.ts'
import { isSqlState } from './transaction.ts'
import { appPassword, withCredentials, withDatabase } from './urls.ts'

export interface DatabaseServer {
  /** For migrations and provisioning. */
  readonly ownerUrl: string
  /** What the server logs in with: the restricted role. */
  readonly appUrl: string
  readonly secret: string
  /** Undefined when DATABASE_URL named a server. */
  readonly embedded: { readonly dataDir: string; readonly port: number } | undefined
  stop(): Promise<void>
}

export interface DatabaseServerOptions {
  readonly ownerUrl: string | undefined
  readonly appUrl: string | undefined
  readonly secret: string | undefined
  readonly dataDir: string
  readonly log: Logger
}

const DATABASE = 'cognitionos'

/** The given server, or the embedded one started for us. */
export const openDatabaseServer = async (options: DatabaseServerOptions): Promise<DatabaseServer> => {
  const { ownerUrl, appUrl, secret, dataDir, log } = options
  if (ownerUrl !== undefined) {
    if (secret === undefined)
      throw configError(
        'secret_missing',
        'with DATABASE_URL set, set COGNITIONOS_SECRET too; make one with: openssl rand -base64 32',
      )
    const derived = withCredentials(ownerUrl, APP_ROLE, appPassword(secret))
    return { ownerUrl, appUrl: appUrl ?? derived, secret, embedded: undefined, stop: async () => {} }
  }
  const { openEmbedded } = await import('./embedded.ts') // its binaries are not needed with a server of one's own
  const embedded = await openEmbedded({ dataDir, log })
  try {
    const kept = secret ?? (await keptSecret(dataDir))
    const url = await ensureDatabase(embedded.adminUrl)
    return {
      ownerUrl: url,
      appUrl: withCredentials(url, APP_ROLE, appPassword(kept)),
      secret: kept,
      embedded: { dataDir, port: embedded.port },
      stop: () => embedded.stop(),
    }
  } catch (error) {
    await embedded.stop()
    throw error
  }
}

const keptSecret = async (dataDir: string): Promise<string> => {
  const path = join(dataDir, 'secret')
  const made = randomBytes(32).toString('base64')
  try {
    await writeFile(path, made, { mode: 0o600, flag: 'wx' })
    return made
  } catch {
    return (await readFile(path, 'utf8')).trim()
  }
}

const ensureDatabase = async (adminUrl: string): Promise<string> => {
  await withOwner(adminUrl, async (owner) => {
    const { rowCount } = await owner.query('select from pg_database where datname = $1', [DATABASE])
    if (rowCount === 0)
      await owner.query(`create database ${DATABASE}`).catch((error: unknown) => {
        if (!isSqlState(error, '42P04')) throw error // another process made it meanwhile
      })
  })
  return withDatabase(adminUrl, DATABASE)
}
