import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClientBase } from 'pg'

/** SQL type → [what a query gives, what an insert or update takes]. numeric stays an exact decimal string. */
const TYPES: Record<string, readonly [string, string]> = {
  text: ['string', 'string'],
  int4: ['number', 'number'],
  int8: ['bigint', 'bigint'],
  bool: ['boolean', 'boolean'],
  numeric: ['string', 'string'],
  timestamptz: ['Temporal.Instant', 'Temporal.Instant | string'],
  jsonb: ['Json', 'string'],
  bytea: ['Buffer', 'Buffer'],
  inet: ['string', 'string'],
  _text: ['string[]', 'string[]'],
}

interface Column {
  readonly table: string
  readonly name: string
  readonly type: string
  readonly nullable: boolean
  readonly filled: boolean
  readonly always: boolean
}

const columnsOf = async (client: ClientBase, schema: string): Promise<readonly Column[]> => {
  const { rows } = await client.query<Column>(
    `select c.relname as table, a.attname as name, t.typname as type, not a.attnotnull as nullable,
       (a.atthasdef or a.attidentity <> '') as filled, a.attidentity = 'a' as always
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition order by c.relname, a.attnum`,
    [schema],
  )
  return rows
}

const columnType = ({ table, name, type, nullable, filled, always }: Column): string => {
  const known = TYPES[type]
  if (!known)
    throw new Error(`column ${table}.${name} has type ${type}; say in scripts/generate-db-types.ts what it is in TypeScript`)
  const empty = nullable ? ' | null' : ''
  const insert = always ? 'never' : `${known[1]}${empty}${nullable || filled ? ' | undefined' : ''}`
  const update = always ? 'never' : `${known[1]}${empty}`
  return `ColumnType<${known[0]}${empty}, ${insert}, ${update}>`
}

const pascal = (table: string): string => table.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The Kysely interface of one schema of a migrated database, as TypeScript source. */
export const typesOf = async (client: ClientBase, schema: string, name: string): Promise<string> => {
  const tables = Map.groupBy(await columnsOf(client, schema), (column) => column.table)
  const body = [...tables]
    .map(
      ([table, columns]) =>
        `export interface ${pascal(table)}Table {\n${columns.map((column) => `  ${column.name}: ${columnType(column)}\n`).join('')}}\n`,
    )
    .join('\n')
  const source = `// Made from the migrated database by \`npm run db:types\`; CI compares.\nimport type { ColumnType } from 'kysely'\n\n${body}\nexport interface ${name} {\n${[...tables.keys()].map((table) => `  ${table}: ${pascal(table)}Table\n`).join('')}}\n`
  const json = source.includes('Json')
    ? source.replace("from 'kysely'\n", "from 'kysely'\nimport type { Json } from '../json.ts'\n")
    : source
  return json
}

const target = (name: string): string => join(import.meta.dirname, '../src/platform/db/generated', `${name}.ts`)

/** Writes both files, or with `check` answers which of them differ from the database. */
export const generateTypes = async (client: ClientBase, check: boolean): Promise<readonly string[]> => {
  const stale: string[] = []
  for (const [file, schema, name] of [
    ['control', 'public', 'ControlDB'],
    ['tenant', 'tenant_plane', 'TenantDB'],
  ] as const) {
    const source = await typesOf(client, schema, name)
    const current = await readFile(target(file), 'utf8').catch(() => '')
    if (current === source) continue
    stale.push(file)
    if (!check) await writeFile(target(file), source)
  }
  return stale
}
