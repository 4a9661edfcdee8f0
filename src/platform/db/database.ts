import type { Pool, QueryConfig } from 'pg'
import type { Logger } from 'pino'
import { notFound } from '../errors.ts'
import { binder, type Tx } from './driver.ts'
import type { ControlDB } from './generated/control.ts'
import type { TenantDB } from './generated/tenant.ts'
import type { Place, PlaceOf } from './place.ts'
import { planePools } from './plane-pools.ts'
import { keepsStatements, openPool } from './pool.ts'
import { type PoolUse, poolUse } from './pool-use.ts'
import { OPERATOR_ROLE } from './roles.ts'
import { transact, transactAtOnce } from './transaction.ts'

export type ControlTx = Tx<ControlDB>
export type TenantTx = Tx<TenantDB>

export interface TransactionOptions {
  readonly readOnly?: boolean
}

/** The operator's book. Every statement sees one tenant, or, with a stated reason, all of them. */
export interface ControlPlane {
  inTenant<T>(tenantId: string, work: (tx: ControlTx) => Promise<T>, options?: TransactionOptions): Promise<T>
  asOperator<T>(reason: string, work: (tx: ControlTx) => Promise<T>, options?: TransactionOptions): Promise<T>
}

/** What belongs to one tenant and grows with its use, wherever its isolation level puts it. */
export interface TenantPlane {
  inTenant<T>(tenantId: string, work: (tx: TenantTx) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * One statement for each of several tenants, in one commit for those that share a place. Each runs behind its own tenant's setting
   * and sees its rows only; all are in flight at once, in order of tenant, so that overlapping calls wait and never deadlock. Answers in
   * the order given; one failure undoes all of its place's share.
   */
  oneEach<R extends object>(statements: readonly TenantStatement[]): Promise<readonly (readonly R[])[]>
  /** The same text for tenants whose statements `oneEach` commits together. */
  placeName(tenantId: string): Promise<string>
  /** For maintenance over all tenants of one place (repricing, moves): rows of every tenant there are visible. */
  asOperator<T>(reason: string, place: Place, work: (tx: TenantTx) => Promise<T>): Promise<T>
}

export interface TenantStatement {
  readonly tenantId: string
  /** Prepared under this name once a connection. */
  readonly name: string
  readonly text: string
  readonly values: unknown[]
}

export interface Database {
  readonly control: ControlPlane
  readonly plane: TenantPlane
  /** Reads as the operator on connections of its own: for what a request needs before, or while, it holds another connection. */
  lookup<T>(work: (tx: ControlTx) => Promise<T>): Promise<T>
  /** How full the pools are just now. */
  pools(): readonly PoolUse[]
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  readonly placeOf: (lookups: Pool) => PlaceOf
  readonly log: Logger
  readonly controlConnections: number
  readonly planeConnections: number
}

const nameOf = ({ url, schema }: Place): string => `${url} ${schema}`

type Statement = Omit<TenantStatement, 'tenantId'>
const asItIs = (statement: Statement): QueryConfig => statement
const withoutName = ({ text, values }: Statement): QueryConfig => ({ text, values })

const settingOf = (tenantId: string) => ({
  name: 'tenant',
  text: `select set_config('app.tenant_id', $1, true)`,
  values: [tenantId],
})

const bindControl = binder<ControlDB>()
const bindTenant = binder<TenantDB>()

/**
 * Opens the pools of both planes as the restricted role. Look-ups of places have a pool of their own: a handler that holds a
 * control connection while it asks for a place must never wait for another handler that does the same. Keys that strangers make up take one
 * of its three at most, keys of callers another.
 */
export const openDatabase = ({ url, placeOf, log, controlConnections, planeConnections }: DatabaseOptions): Database => {
  const controlPool = openPool({ url, max: controlConnections, name: 'control', log })
  const lookups = openPool({ url, max: 3, name: 'lookups', log })
  const pools = planePools({ sharedUrl: url, connections: planeConnections, log })
  const find = placeOf(lookups)

  const placeOrThrow = async (tenantId: string): Promise<Place> => {
    const place = await find(tenantId)
    if (!place) throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
    return place
  }

  const control: ControlPlane = {
    inTenant: (tenantId, work, options = {}) =>
      transact(controlPool, { tenantId, ...options }, (client) => work(bindControl(client))),
    asOperator: (reason, work, options = {}) => {
      log.debug({ reason }, 'across tenants')
      return transact(controlPool, { role: OPERATOR_ROLE, ...options }, (client) => work(bindControl(client)))
    },
  }

  const plane: TenantPlane = {
    async inTenant(tenantId, work, options = {}) {
      const place = await placeOrThrow(tenantId)
      return pools.use(place, (pool) =>
        transact(pool, { tenantId, searchPath: place.schema, ...options }, (client) => work(bindTenant(client))),
      )
    },
    placeName: async (tenantId) => nameOf(await placeOrThrow(tenantId)),
    async oneEach<R extends object>(statements: readonly TenantStatement[]) {
      const placed = await Promise.all(
        statements.map(async (statement, index) => ({ statement, index, place: await placeOrThrow(statement.tenantId) })),
      )
      placed.sort((a, b) => (a.statement.tenantId < b.statement.tenantId ? -1 : 1))
      const answers: (readonly R[])[] = []
      await Promise.all(
        Map.groupBy(placed, ({ place }) => nameOf(place))
          .values()
          .map(([first, ...rest]) => {
            if (!first) return undefined
            const local = { tenantId: first.statement.tenantId, searchPath: first.place.schema }
            return pools.use(first.place, (pool) =>
              transactAtOnce(pool, local, async (client) => {
                const phrased = keepsStatements(client) ? asItIs : withoutName
                const send = ({ statement, index }: typeof first) =>
                  client.query<R>(phrased(statement)).then(({ rows }) => {
                    answers[index] = rows
                  })
                // Queries leave in the order of these calls: nothing may be awaited between a tenant's setting and its statement.
                await Promise.all([
                  send(first),
                  ...rest.flatMap((next) => [client.query(phrased(settingOf(next.statement.tenantId))), send(next)]),
                ])
              }),
            )
          }),
      )
      return answers
    },
    asOperator(reason, place, work) {
      log.debug({ reason, schema: place.schema }, 'across the tenants of a place')
      return pools.use(place, (pool) =>
        transact(pool, { role: OPERATOR_ROLE, searchPath: place.schema }, (client) => work(bindTenant(client))),
      )
    },
  }

  return {
    control,
    plane,
    lookup: (work) => transact(lookups, { role: OPERATOR_ROLE, readOnly: true }, (client) => work(bindControl(client))),
    pools: () => poolUse([['control', controlPool], ['lookups', lookups], ...pools.open()]),
    async close() {
      await Promise.all([controlPool.end(), lookups.end(), pools.close()])
    },
  }
}
