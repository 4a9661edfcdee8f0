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
/** Of postmaster.pid, from 0. */
const PORT_LINE = 3

/** The given server, or the embedded one started for us. */
export const openDatabaseServer = async (options: DatabaseServerOptions): Promise<DatabaseServer> => {
  const { ownerUrl, appUrl, secret, dataDir, log } = options
  if (ownerUrl !== undefined) {
    if (secret === undefined)
      throw configError(
        'secret_missing',
        'with DATABASE_URL set, set COGNITIONOS_SECRET too; make one with: openssl rand -base64 32',
      )
    // Only we know the password of the restricted role, so a URL that names no role means that one.
    const asApp = (url: string): string => withCredentials(url, APP_ROLE, appPassword(secret))
    const namesRole = appUrl !== undefined && new URL(appUrl).username !== ''
    return { ownerUrl, appUrl: namesRole ? appUrl : asApp(appUrl ?? ownerUrl), secret, embedded: undefined, stop: async () => {} }
  }
  const { openEmbedded } = await import('./embedded.ts') // its binaries are not needed with a server of one's own
  const embedded = await openEmbedded({ dataDir, log })
  try {
    const kept = secret ?? (await keptSecret(dataDir))
    await ensureDatabase(embedded.adminUrl)
    return embeddedServer(embedded, kept, () => embedded.stop())
  } catch (error) {
    await embedded.stop()
    throw error
  }
}

/** The embedded server that another process runs on this folder: to look into, not to stop. Throws where it has not started yet. */
export const runningServer = async ({
  dataDir,
  secret,
}: Pick<DatabaseServerOptions, 'dataDir' | 'secret'>): Promise<DatabaseServer> => {
  const read = async (...path: string[]) => (await readFile(join(dataDir, ...path), 'utf8')).trim()
  const password = await read('password')
  const port = Number((await read('pg', 'postmaster.pid')).split('\n')[PORT_LINE])
  const adminUrl = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  return embeddedServer({ adminUrl, dataDir, port }, secret ?? (await read('secret')), async () => {})
}

const embeddedServer = (
  { adminUrl, dataDir, port }: { readonly adminUrl: string; readonly dataDir: string; readonly port: number },
  secret: string,
  stop: () => Promise<void>,
): DatabaseServer => {
  const ownerUrl = withDatabase(adminUrl, DATABASE)
  const appUrl = withCredentials(ownerUrl, APP_ROLE, appPassword(secret))
  return { ownerUrl, appUrl, secret, embedded: { dataDir, port }, stop }
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

const ensureDatabase = (adminUrl: string): Promise<void> =>
  withOwner(adminUrl, async (owner) => {
    const { rowCount } = await owner.query('select from pg_database where datname = $1', [DATABASE])
    if (rowCount === 0)
      await owner.query(`create database ${DATABASE}`).catch((error: unknown) => {
        if (!isSqlState(error, '42P04')) throw error // another process made it meanwhile
      })
  })
