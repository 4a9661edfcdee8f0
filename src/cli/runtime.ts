import pg from 'pg'
import type { Logger } from 'pino'
import { type App, createApp } from '../app.ts'
import type { Config } from '../config.ts'
import type { NewApiKey } from '../platform/auth/api-keys.ts'
import type { Clock } from '../platform/clock.ts'
import { type Finding, inspectDatabase } from '../platform/db/inspect.ts'
import { SHARED_SCHEMA } from '../platform/db/place.ts'
import { type DatabaseServer, openDatabaseServer } from '../platform/db/server.ts'
import { configError } from '../platform/errors.ts'
import { setUp } from '../setup.ts'

/** The name of a key that a command makes for itself and revokes when it ends. */
export const COMMAND_KEY = 'command line'

export interface Runtime {
  readonly app: App
  readonly server: DatabaseServer
  /** Makes the operator's first key; undefined where one works already. Whoever calls this must tell the key: it is shown once. */
  firstKey(): Promise<NewApiKey | undefined>
  stop(): Promise<void>
}

export interface RuntimeOptions {
  readonly config: Config
  readonly log: Logger
  readonly clock?: Clock
}

/** Looks at the database as the server's own role. */
const findingsOf = async (appUrl: string): Promise<readonly Finding[]> => {
  const client = new pg.Client({ connectionString: appUrl, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await inspectDatabase(client, ['public', SHARED_SCHEMA])
  } finally {
    await client.end()
  }
}

/** Refuses to go on where row security would not hold. */
const insist = (findings: readonly Finding[], { allowVulnerable }: Config['database'], log: Logger): void => {
  for (const finding of findings) {
    const allowed = finding.severity === 'warning' || (allowVulnerable && finding.code === 'postgres_vulnerable')
    if (!allowed) throw configError(finding.code, `${finding.message}; ${finding.mend}`)
    log.warn({ code: finding.code }, `${finding.message}; ${finding.mend}`)
  }
}

const firstKeyOf = async ({ db, services: { apiKeys } }: App): Promise<NewApiKey | undefined> =>
  db.control.asOperator('make the first operator key', async (tx) => {
    // A key that only lives as long as a command is not the operator's.
    const lasting = (await apiKeys.listOperator(tx)).filter(({ name }) => name !== COMMAND_KEY)
    return lasting.length > 0 ? undefined : apiKeys.createOperator(tx, 'first operator key')
  })

/** Starts the database, brings it up to date, checks it, and wires the product; serves nothing yet. */
export const openRuntime = async ({ config, log, clock }: RuntimeOptions): Promise<Runtime> => {
  const { ownerUrl, appUrl, dataDir } = config.database
  const server = await openDatabaseServer({ ownerUrl, appUrl, secret: config.secret, dataDir, log })
  try {
    await setUp(server)
    insist(await findingsOf(server.appUrl), config.database, log)
    const app = await createApp({ config, server, log, ...(clock ? { clock } : {}) })
    return {
      app,
      server,
      firstKey: () => firstKeyOf(app),
      async stop() {
        await app.close()
        await server.stop()
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}
