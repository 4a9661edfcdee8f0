import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type { PoolClient } from 'pg'
import { keepsStatements } from './pool.ts'
import { statementNames } from './prepared.ts'

/** A query builder bound to one connection, inside one transaction. It cannot begin or commit: its runner does. */
export type Tx<DB> = Kysely<DB>

const nameOf = statementNames()

const toParameter = (value: unknown): unknown => (value instanceof Temporal.Instant ? value.toString() : value)

const unnamed = () => undefined

const connectionOf = (client: PoolClient): DatabaseConnection => {
  const nameFor = keepsStatements(client) ? nameOf : unnamed
  return {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const name = nameFor(sql, parameters.length)
      const values = parameters.map(toParameter)
      const result = await client.query(name === undefined ? { text: sql, values } : { name, text: sql, values })
      return { rows: result.rows, numAffectedRows: BigInt(result.rowCount ?? 0) }
    },
    // biome-ignore lint/correctness/useYield: the interface asks for a generator; nothing streams inside a tenant's transaction
    async *streamQuery() {
      throw new Error('queries are not streamed inside a transaction; page instead')
    },
  }
}

const dialectOf = (client: PoolClient): Dialect => {
  const connection = connectionOf(client)
  const refuse = async () => {
    throw new Error('the transaction belongs to its runner')
  }
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createDriver: () => ({
      init: async () => {},
      acquireConnection: async () => connection,
      beginTransaction: refuse,
      commitTransaction: refuse,
      rollbackTransaction: refuse,
      releaseConnection: async () => {},
      destroy: async () => {},
    }),
  }
}

/** Binds the query builder of one plane to pooled connections; one builder a connection, since it serves thousands of transactions. */
export const binder = <DB>(): ((client: PoolClient) => Tx<DB>) => {
  const builders = new WeakMap<PoolClient, Tx<DB>>()
  return (client) => {
    const known = builders.get(client)
    if (known) return known
    const made = new Kysely<DB>({ dialect: dialectOf(client) })
    builders.set(client, made)
    return made
  }
}
