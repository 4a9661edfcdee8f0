import pg, { type ClientBase } from 'pg'
import { FIXED_MINORS, type Finding, inspectDatabase } from '../../platform/db/inspect.ts'
import { readMigrations } from '../../platform/db/migrate.ts'
import { SHARED_SCHEMA } from '../../platform/db/place.ts'
import { OPERATOR_ROLE } from '../../platform/db/roles.ts'
import { counted } from '../table.ts'
import { type Check, fail, ok, warn } from './check.ts'

const MIGRATE = 'run: cognitionos migrate'
const SKEW_WARN_MS = 2_000

/** Runs `work` on one connection; it gives up after five seconds. */
export const connected = async <T>(url: string, work: (client: ClientBase) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url, application_name: 'cognitionos doctor', connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the running query reports it
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const fromFindings = (name: string, findings: readonly Finding[], found: string): Check[] =>
  findings.length === 0
    ? [ok(name, found)]
    : findings.map(({ severity, message, mend }) => (severity === 'fatal' ? fail : warn)(name, message, mend))

/** The server's own role and what it may see: run as that role. */
export const safetyChecks = async (client: ClientBase): Promise<readonly Check[]> => {
  const findings = await inspectDatabase(client, ['public', SHARED_SCHEMA])
  const { rows } = await client.query<{ version: string; role: string; tables: number }>(
    `select current_setting('server_version') as version, current_user as role,
       (select count(*)::int from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any($1) and c.relkind in ('r', 'p') and c.relforcerowsecurity) as tables`,
    [['public', SHARED_SCHEMA]],
  )
  const { version = '?', role = '?', tables = 0 } = rows[0] ?? {}
  const about = (codes: string) => findings.filter(({ code }) => code.startsWith(codes))
  const fixed = Object.entries(FIXED_MINORS).map(([major, minor]) => `${major}.${minor}`)
  return [
    ...fromFindings('version', about('postgres_'), `PostgreSQL ${version} (needs ${fixed.join(', ')} or later majors)`),
    ...fromFindings('role', about('role_'), `${role} cannot bypass row security`),
    ...fromFindings(
      'row security',
      [...about('table_'), ...about('policy_'), ...about('view_'), ...about('function_')],
      `forced on ${tables} tables; no view or function goes round it`,
    ),
  ]
}

interface Applied {
  readonly version: number
  readonly name: string
  readonly checksum: string
}

const planeCheck = async (client: ClientBase, plane: 'control' | 'tenant', schema: string, name: string): Promise<Check> => {
  const wanted = await readMigrations(plane)
  const { rows: known } = await client.query('select to_regclass($1) is not null as there', [`${schema}.schema_migrations`])
  if (known[0]?.there !== true) return fail(name, 'nothing is there yet', MIGRATE)
  const { rows } = await client.query<Applied>(`select version, name, checksum from ${schema}.schema_migrations order by version`)
  const edited = rows.find(({ version, checksum }) => wanted[version - 1] && wanted[version - 1]?.checksum !== checksum)
  if (edited)
    return fail(
      name,
      `migration ${edited.name} was edited after it was applied`,
      'restore the file and put the change into a new one',
    )
  if (rows.length > wanted.length)
    return fail(
      name,
      `the database is ${counted(rows.length - wanted.length, 'migration')} ahead of this version`,
      'run the newer version',
    )
  const behind = wanted.length - rows.length
  return behind > 0
    ? fail(name, `${behind} of ${wanted.length} migrations are missing`, MIGRATE)
    : ok(name, `${wanted.length} of ${wanted.length} migrations`)
}

/** Run as the owner. */
export const migrationChecks = async (client: ClientBase): Promise<readonly Check[]> => [
  await planeCheck(client, 'control', 'public', 'control plane'),
  await planeCheck(client, 'tenant', SHARED_SCHEMA, 'shared place'),
]

/** Every schema, database and cluster of a tenant, by the directory: run as the server's role. */
export const placesCheck = async (client: ClientBase): Promise<Check> => {
  const newest = (await readMigrations('tenant')).length
  await client.query('begin read only')
  try {
    await client.query(`set local role ${OPERATOR_ROLE}`)
    const { rows } = await client.query<{ places: number; behind: number; unready: number }>(
      `select count(*)::int as places, (count(*) filter (where plane_version < $1 and state = 'ready'))::int as behind,
         (count(*) filter (where state <> 'ready' and created_at < now() - interval '1 hour'))::int as unready
       from placements where isolation <> 'SHARED'`,
      [newest],
    )
    const { places = 0, behind = 0, unready = 0 } = rows[0] ?? {}
    if (behind > 0) return fail('places', `${behind} of ${places} places of their own are behind`, MIGRATE)
    if (unready > 0)
      return warn(
        'places',
        `${unready} places are half built since an hour or more`,
        'let `cognitionos serve` or `worker` run: it sweeps them',
      )
    return ok(
      'places',
      places === 0 ? 'all tenants share one place' : `${places} of ${places} places of their own are up to date`,
    )
  } finally {
    await client.query('rollback')
  }
}

/** How far this machine's clock is from the database's: bills and expiry follow the first, defaults the second. */
export const skewCheck = async (client: ClientBase, now: () => Temporal.Instant): Promise<Check> => {
  const before = now()
  const { rows } = await client.query<{ at: string }>(`select (extract(epoch from clock_timestamp()) * 1000)::text as at`)
  const after = now()
  const middle = (before.epochMilliseconds + after.epochMilliseconds) / 2
  const skew = Number(rows[0]?.at) - middle
  const apart = `${(Math.abs(skew) / 1_000).toFixed(skew < 10 && skew > -10 ? 3 : 1)} s from the database's`
  if (Math.abs(skew) <= SKEW_WARN_MS) return ok('clock', apart)
  return warn(
    'clock',
    `${apart}, which is ${skew > 0 ? 'ahead' : 'behind'}`,
    'let both machines follow NTP: periods end and keys expire by this clock',
  )
}
