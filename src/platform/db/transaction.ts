import pg, { type Pool, type PoolClient } from 'pg'
import { AppError, configError, unavailable } from '../errors.ts'

/** SQLSTATE classes that mean: the server is away or going, the statement had no effect that anyone could rely on. */
const AWAY = new Set(['57P01', '57P02', '57P03', '53300', '08000', '08001', '08003', '08004', '08006'])
const AWAY_NODE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])

/** True when the error says that PostgreSQL could not be reached, not that it refused. */
export const isAway = (error: unknown): boolean =>
  error instanceof Error &&
  ('code' in error && typeof error.code === 'string'
    ? AWAY.has(error.code) || AWAY_NODE.has(error.code)
    : /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/.test(
        error.message,
      ))

/** True for a PostgreSQL error with this SQLSTATE, e.g. '23505' unique_violation, and, where given, this constraint. */
export const isSqlState = (error: unknown, state: string, constraint?: string): boolean =>
  error instanceof pg.DatabaseError && error.code === state && (constraint === undefined || error.constraint === constraint)

/** A migration changed what a statement that this connection keeps prepared answers with: a new connection prepares it anew. */
const isOutdated = (error: unknown): boolean => isSqlState(error, '0A000') && /cached plan/.test(String(error))

const isUseless = (error: unknown): error is Error => error instanceof Error && (isAway(error) || isOutdated(error))

/** A pooler gave the transaction a connection on which somebody else prepared, or nobody did. */
const isMislaid = (error: unknown): boolean => isSqlState(error, '26000') || isSqlState(error, '42P05')

const mislaid = (cause: unknown): AppError =>
  configError(
    'pooler_mislays_statements',
    'a pooler between us and PostgreSQL does not carry prepared statements along: add ?prepare=false to DATABASE_APP_URL, or use PgBouncer 1.21 or later with max_prepared_statements',
    {},
    { cause },
  )

const asAppError = (error: unknown): unknown => {
  if (error instanceof AppError) return error
  if (isMislaid(error)) return mislaid(error)
  return isUseless(error)
    ? unavailable('database_unavailable', 'the database cannot be reached just now; retry in a second', {}, { cause: error })
    : error
}

/** Settings that hold for one transaction; nothing is ever set for a session, so a transaction pooler may sit between. */
export interface Local {
  readonly tenantId?: string
  readonly searchPath?: string
  readonly role?: string
  readonly readOnly?: boolean
}

const literal = pg.escapeLiteral

/** Connections whose last read is answered and not yet ended. */
const unended = new WeakSet<PoolClient>()

const opening = (client: PoolClient, { tenantId, searchPath, role, readOnly }: Local): string => {
  const settings = [
    ...(tenantId === undefined ? [] : [`set_config('app.tenant_id', ${literal(tenantId)}, true)`]),
    ...(searchPath === undefined ? [] : [`set_config('search_path', ${literal(searchPath)}, true)`]),
    ...(role === undefined ? [] : [`set_config('role', ${literal(role)}, true)`]),
  ]
  return `${unended.delete(client) ? 'commit; ' : ''}begin${readOnly ? ' read only' : ''}${settings.length > 0 ? `; select ${settings.join(', ')}` : ''}`
}

/**
 * Runs `work` in one transaction on a pooled connection. The opening statement is not waited for: the first query rides behind it.
 * Should the opening fail, later statements run without a tenant and row security shows them nothing.
 */
export const transact = async <T>(pool: Pool, local: Local, work: (client: PoolClient) => Promise<T>): Promise<T> => {
  const client = await connect(pool)
  let broken: Error | undefined
  try {
    holdBack(client)
    const opened = client.query(opening(client, local))
    opened.catch(() => {}) // reported below; until then it must not count as unhandled
    let result: T
    try {
      result = await work(client)
      await opened
    } catch (error) {
      await client.query('rollback').catch((failure: Error) => {
        broken = failure
      })
      throw error
    }
    if (local.readOnly) endRead(client)
    else await commit(client)
    return result
  } catch (error) {
    if (isUseless(error)) broken = error
    throw asAppError(error)
  } finally {
    client.release(broken)
  }
}

/**
 * As `transact`, for work that sends all of its statements before it waits for any: the commit rides behind them, so that the whole
 * transaction is one round trip. A statement that fails makes PostgreSQL answer that commit with a rollback.
 */
export const transactAtOnce = async <T>(pool: Pool, local: Local, send: (client: PoolClient) => Promise<T>): Promise<T> => {
  const client = await connect(pool)
  let broken: Error | undefined
  try {
    holdBack(client)
    // Nothing may be awaited between these three: statements leave in the order of the calls.
    const [opened, sent, committed] = await Promise.allSettled([
      client.query(opening(client, local)),
      send(client),
      commit(client),
    ])
    if (opened.status === 'rejected') throw opened.reason
    if (sent.status === 'rejected') throw sent.reason
    if (committed.status === 'rejected') throw committed.reason
    return sent.value
  } catch (error) {
    if (isUseless(error)) broken = error
    throw asAppError(error)
  } finally {
    client.release(broken)
  }
}

/**
 * Keeps what is sent from now on until this turn's ready work has run: the opening and the first query leave in one write. A write is the
 * dearest part of a short transaction.
 */
const holdBack = (client: PoolClient): void => {
  const { stream } = client.connection
  stream.cork()
  process.nextTick(() => stream.uncork())
}

/**
 * Nothing hangs on the end of a read: it is not waited for, and is part of the opening of whoever has the connection next in this turn of
 * the event loop. Nobody uses these pools but through here.
 */
const endRead = (client: PoolClient): void => {
  unended.add(client)
  setImmediate(() => {
    if (unended.delete(client)) client.query('commit').catch(() => {}) // a connection that dies is told to the pool
  })
}

/** pg's words for a wait that nobody's end of work ended. */
const isCrowdedOut = (error: unknown): boolean =>
  error instanceof Error && /timeout exceeded when trying to connect/.test(error.message)

const connect = (pool: Pool): Promise<PoolClient> =>
  pool.connect().catch((error: unknown) => {
    throw isCrowdedOut(error)
      ? unavailable('database_busy', 'all connections to the database are in use; retry in a second', {}, { cause: error })
      : asAppError(error)
  })

const commit = async (client: PoolClient): Promise<void> => {
  const { command } = await client.query('commit')
  // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK: an error swallowed inside must not look like success.
  if (command === 'ROLLBACK') throw new Error('the transaction had failed and was rolled back; an error inside it was swallowed')
}
