import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg, { type ClientBase } from 'pg'
import { configError } from '../errors.ts'

const ROOT = join(import.meta.dirname, '../../../migrations')

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

/** Reads the migrations of a plane, in order; their numbers must be 1, 2, 3 … without a gap. */
export const readMigrations = async (plane: 'control' | 'tenant', root = ROOT): Promise<readonly Migration[]> => {
  const names = (await readdir(join(root, plane))).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name, index) => {
      const version = Number(name.slice(0, 4))
      if (version !== index + 1)
        throw configError('migration_order', `migration ${plane}/${name} should have the number ${index + 1}`)
      const sql = await readFile(join(root, plane, name), 'utf8')
      return { version, name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

// One number for all: two rollouts into one database wait for each other.
const LOCK = 5_020_261_124

/**
 * Brings one schema up to date, each migration in its own transaction, under an advisory lock; run again after a crash it goes on
 * where it stopped. Refuses when an applied migration was edited. Returns how many were applied.
 */
export const migrateSchema = async (owner: ClientBase, schema: string, migrations: readonly Migration[]): Promise<number> => {
  const name = pg.escapeIdentifier(schema)
  await owner.query('select pg_advisory_lock($1)', [LOCK])
  try {
    await owner.query(`create schema if not exists ${name};
      grant usage on schema ${name} to cognitionos_app, cognitionos_operator;
      create table if not exists ${name}.schema_migrations
        (version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`)
    const { rows } = await owner.query<{ version: number; name: string; checksum: string }>(
      `select version, name, checksum from ${name}.schema_migrations order by version`,
    )
    const applied = new Map(rows.map((row) => [row.version, row]))
    for (const row of rows) {
      const migration = migrations[row.version - 1]
      if (!migration)
        throw configError(
          'migration_unknown',
          `the database has migration ${row.name}, which this version lacks: run a newer version`,
        )
      if (migration.checksum !== row.checksum)
        throw configError(
          'migration_changed',
          `migration ${migration.name} was edited after it was applied to schema ${schema}; restore it and add a new one`,
        )
    }
    let count = 0
    for (const migration of migrations) {
      if (applied.has(migration.version)) continue
      await apply(owner, schema, migration)
      count += 1
    }
    return count
  } finally {
    await owner.query('select pg_advisory_unlock($1)', [LOCK])
  }
}

const apply = async (owner: ClientBase, schema: string, migration: Migration): Promise<void> => {
  const record = `insert into schema_migrations (version, name, checksum) values
    (${migration.version}, ${pg.escapeLiteral(migration.name)}, ${pg.escapeLiteral(migration.checksum)})`
  try {
    await owner.query(`begin; set local search_path to ${pg.escapeIdentifier(schema)}; ${migration.sql}\n; ${record}; commit`)
  } catch (error) {
    await owner.query('rollback').catch(() => {})
    throw configError('migration_failed', `migration ${migration.name} failed in schema ${schema}`, {}, { cause: error })
  }
}

/** Runs `work` on one connection of the owner and closes it. */
export const withOwner = async <T>(url: string, work: (owner: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url, application_name: 'cognitionos migrate', connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the running query reports it
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}
