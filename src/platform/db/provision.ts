import pg, { type ClientBase } from 'pg'
import { conflict } from '../errors.ts'
import { type Migration, migrateSchema, withOwner } from './migrate.ts'
import { type IsolationLevel, SHARED_SCHEMA } from './place.ts'
import { APP_ROLE } from './roles.ts'
import { isSqlState } from './transaction.ts'
import { withDatabase } from './urls.ts'

/** What is built for one tenant alone: a schema in the control database, or a database with the schema that every plane has. */
export interface PlaceNames {
  readonly schema: string
  /** Null: the control database. */
  readonly database: string | null
}

const SUFFIX = /^[0-9a-z]{1,40}$/

/** Names that follow from the tenant's id alone, so that what a crash left behind can be found. */
export const placeNames = (isolation: IsolationLevel, tenantId: string): PlaceNames => {
  const suffix = tenantId.slice(tenantId.indexOf('_') + 1)
  if (!SUFFIX.test(suffix)) throw new RangeError(`'${tenantId}' is not an id that a place can be named after`)
  if (isolation === 'SHARED') return { schema: SHARED_SCHEMA, database: null }
  if (isolation === 'SCHEMA') return { schema: `tenant_${suffix}`, database: null }
  return { schema: SHARED_SCHEMA, database: `cognitionos_${suffix}` }
}

const placeExists = ({ schema, database }: PlaceNames) =>
  conflict(
    'place_exists',
    `${database === null ? `schema ${schema}` : `database ${database}`} exists already; nothing was changed`,
  )

/** Throws 409 `place_exists` when something has the name: it is not ours to use or to drop. */
export const refuseExistingPlace = async (server: ClientBase, names: PlaceNames): Promise<void> => {
  const { rowCount } = await (names.database === null
    ? server.query('select from pg_namespace where nspname = $1', [names.schema])
    : server.query('select from pg_database where datname = $1', [names.database]))
  if (rowCount) throw placeExists(names)
}

/**
 * Builds a place with the newest tenant migrations, as the owner. `server` is connected to `serverUrl`, for a schema to the control
 * database. The roles must exist there. Throws 409 `place_exists` for a name that is taken; after any other error `dropPlace` undoes it.
 */
export const buildPlace = async (
  server: ClientBase,
  serverUrl: string,
  names: PlaceNames,
  migrations: readonly Migration[],
): Promise<void> => {
  const { schema, database } = names
  try {
    if (database === null) await server.query(`create schema ${pg.escapeIdentifier(schema)}`)
    else await createDatabase(server, database)
  } catch (error) {
    if (isSqlState(error, '42P06') || isSqlState(error, '42P04')) throw placeExists(names)
    throw error
  }
  if (database === null) {
    await migrateSchema(server, schema, migrations)
    return
  }
  const name = pg.escapeIdentifier(database)
  await server.query(`revoke all on database ${name} from public; grant connect on database ${name} to ${APP_ROLE}`)
  await withOwner(withDatabase(serverUrl, database), async (owner) => {
    await owner.query('revoke all on schema public from public')
    await migrateSchema(owner, schema, migrations)
  })
}

/** The template takes no connections, yet another copy of it may be under way for a moment: tried again. */
const createDatabase = async (server: ClientBase, database: string): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await server.query(`create database ${pg.escapeIdentifier(database)} template template0 encoding 'UTF8'`)
      return
    } catch (error) {
      if (!isSqlState(error, '55006') || attempt === 20) throw error
      await new Promise((resolve) => setTimeout(resolve, 50 * attempt))
    }
  }
}

/** Removes a place with all that is in it; what is not there is no error. */
export const dropPlace = async (server: ClientBase, { schema, database }: PlaceNames): Promise<void> => {
  if (schema === SHARED_SCHEMA && database === null) throw new RangeError('the shared schema is nobody’s to drop')
  await server.query(
    database === null
      ? `drop schema if exists ${pg.escapeIdentifier(schema)} cascade`
      : `drop database if exists ${pg.escapeIdentifier(database)} with (force)`,
  )
}

const lockKey = 'hashtextextended($1, 5020261124)'

/** Whoever builds or undoes a place holds this until its connection to the control database ends: also when the process dies. */
export const lockPlace = async (owner: ClientBase, tenantId: string): Promise<boolean> => {
  const { rows } = await owner.query<{ held: boolean }>(`select pg_try_advisory_lock(${lockKey}) as held`, [tenantId])
  return rows[0]?.held ?? false
}
