import pg from 'pg'
import type { Logger } from 'pino'
import { STATEMENT_TIMEOUT_MS } from './roles.ts'
import { valueTypes } from './values.ts'

export interface PoolOptions {
  readonly url: string
  readonly max: number
  readonly name: string
  readonly log: Logger
  readonly idleTimeoutMs?: number
}

const forgetful = new WeakSet<object>()

/** Whether a connection has in the next transaction what it prepared in this one; not so behind a pooler, which the URL says: `?prepare=false`. */
export const keepsStatements = (client: pg.PoolClient): boolean => !forgetful.has(client)

/**
 * A bounded pool whose errors never end the process: a connection that dies while idle is logged and replaced by the next caller.
 * Connections pipeline: a statement is sent without waiting for the answer to the one before.
 */
export const openPool = ({ url, max, name, log, idleTimeoutMs = 30_000 }: PoolOptions): pg.Pool => {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    idleTimeoutMillis: idleTimeoutMs,
    connectionTimeoutMillis: 5_000,
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000, // PostgreSQL ends it before, unless it cannot be reached
    application_name: `cognitionos ${name}`,
    keepAlive: true,
    types: valueTypes,
    pipeline: true,
  })
  // Only the reason is logged: pg hangs the whole connection, its cancel secret included, on the error. A pool that was ended does not
  // wait for its goodbyes, and a server that stops right after may answer them with an error: nothing is lost by that.
  const lost = (what: string) => (error: Error) => {
    if (!pool.ending) log.warn({ reason: error.message, pool: name }, what)
  }
  pool.on('error', lost('an idle database connection was lost'))
  const prepares = new URL(url).searchParams.get('prepare') !== 'false'
  pool.on('connect', (client) => {
    if (!prepares) forgetful.add(client)
    // A checked-out connection reports its death here as well as through its query; without a listener it would end the process.
    client.on('error', lost('a database connection was lost'))
  })
  return pool
}
