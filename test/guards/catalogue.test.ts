import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRuntime } from '../../src/cli/runtime.ts'
import { readConfig } from '../../src/config.ts'
import { inspectDatabase, inspectVersion } from '../../src/platform/db/inspect.ts'
import { withOwner } from '../../src/platform/db/migrate.ts'
import { ISOLATION_LEVELS, type IsolationLevel } from '../../src/platform/db/place.ts'
import { APP_ROLE } from '../../src/platform/db/roles.ts'
import { appPassword, withCredentials, withDatabase } from '../../src/platform/db/urls.ts'
import { type TestApp, testApp } from '../harness/app.ts'
import { silent } from '../harness/database.ts'

let t: TestApp
const tenants = new Map<IsolationLevel, string>()
beforeAll(async () => {
  t = await testApp()
  const cluster = await t.call('POST', '/clusters', { key: t.operatorKey, body: { name: 'one', url: t.database.ownerUrl } })
  for (const isolation of ISOLATION_LEVELS)
    tenants.set(
      isolation,
      (await t.tenant({ isolation, ...(isolation === 'CLUSTER' ? { clusterId: String(cluster.body.id) } : {}) })).id,
    )
}, 60_000)
afterAll(() => t.close())

const asOwner = <R extends object>(text: string, values: unknown[] = [], url = t.database.ownerUrl): Promise<R[]> =>
  withOwner(url, async (owner) => (await owner.query<R>(text, values)).rows)

const asApp = async <T>(work: (client: pg.Client) => Promise<T>, url = t.database.appUrl): Promise<T> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Where a level's plane is: the owner's URL, and its schemas besides the control plane's. */
const placeOn = async (level: IsolationLevel) => {
  const [row] = await asOwner<{ database: string | null; schema: string }>(
    'select database_name as database, schema_name as schema from placements where tenant_id = $1',
    [tenants.get(level)],
  )
  if (!row) throw new Error(`no place on ${level}`)
  const url = row.database === null ? t.database.ownerUrl : withDatabase(t.database.ownerUrl, row.database)
  return { url, schemas: row.database === null ? ['public', row.schema] : [row.schema] }
}

describe.each(ISOLATION_LEVELS)('level %s', (level) => {
  // attacks.json RLS-01: the role that policies never apply to; RLS-03: views that read with their owner's rights.
  test('every table with tenant_id has FORCE row security and WITH CHECK, and the server finds nothing to say', async () => {
    const { url, schemas } = await placeOn(level)
    const tables = await asOwner<{ table: string; forced: boolean; checked: boolean }>(
      `select c.oid::regclass::text as table, c.relrowsecurity and c.relforcerowsecurity as forced,
         (select bool_and(p.polwithcheck is not null) from pg_policy p where p.polrelid = c.oid) as checked
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
       where c.relnamespace::regnamespace::text = any($1) and c.relkind in ('r', 'p')`,
      [schemas],
      url,
    )
    expect(tables.length).toBeGreaterThan(2)
    expect(tables.filter(({ forced, checked }) => !forced || !checked)).toEqual([])
    const appUrl = withCredentials(url, APP_ROLE, appPassword(t.database.secret))
    expect(await asApp((client) => inspectDatabase(client, schemas), appUrl)).toEqual([])
  })

  test("the server's role owns nothing there, and may do nothing that row security does not hold", async () => {
    const { url } = await placeOn(level)
    const owned = await asOwner(`select relname from pg_class where relowner = '${APP_ROLE}'::regrole`, [], url)
    expect(owned).toEqual([])
    const beyond = await asOwner(
      `select table_name, privilege_type from information_schema.table_privileges
       where grantee in ($1, 'PUBLIC', 'cognitionos_operator') and privilege_type in ('TRUNCATE', 'TRIGGER', 'REFERENCES')
         and table_schema not in ('pg_catalog', 'information_schema')`,
      [APP_ROLE],
      url,
    )
    expect(beyond).toEqual([])
  })
})

test('the server logs in as a role that is no superuser, bypasses nothing, inherits nothing and creates nothing', async () => {
  const roles = await asOwner(
    `select rolsuper, rolbypassrls, rolinherit, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = $1`,
    [APP_ROLE],
  )
  const no = {
    rolsuper: false,
    rolbypassrls: false,
    rolinherit: false,
    rolcreaterole: false,
    rolcreatedb: false,
    rolreplication: false,
  }
  expect(roles).toEqual([no])
  await asApp(async (client) => {
    for (const text of [
      'create table public.mine ()',
      'create schema mine',
      'set session authorization postgres',
      'alter table tenants disable row level security',
    ])
      await expect(client.query(text)).rejects.toThrow(/permission denied|must be owner|not allowed/)
  })
})

const PLANTED: readonly (readonly [what: string, plant: string, undo: string, code: string, mend: RegExp])[] = [
  [
    'a table without row security',
    'create table planted (tenant_id text)',
    'drop table planted',
    'table_without_row_security',
    /protect\('planted'\)/,
  ],
  [
    'a table whose owner passes',
    "create table planted (tenant_id text); call protect('planted'); alter table planted no force row level security",
    'drop table planted',
    'table_without_row_security',
    /protect\('planted'\)/,
  ],
  [
    'a policy without WITH CHECK',
    `create table planted (tenant_id text); alter table planted enable row level security, force row level security;
     create policy p on planted using (tenant_id = (select current_setting('app.tenant_id', true)))`,
    'drop table planted',
    'table_without_row_security',
    /protect\('planted'\)/,
  ],
  [
    'a policy that lets everybody pass',
    "create table planted (tenant_id text); call protect('planted'); create policy open on planted using (true) with check (true)",
    'drop table planted',
    'policy_without_tenant',
    /drop policy open on planted/,
  ],
  [
    'a view with its owner’s rights',
    `create view planted as select * from tenants; grant select on planted to ${APP_ROLE}`,
    'drop view planted',
    'view_bypasses_row_security',
    /security_invoker/,
  ],
  [
    'a materialised view',
    `create materialized view planted as select * from tenants; grant select on planted to ${APP_ROLE}`,
    'drop materialized view planted',
    'view_bypasses_row_security',
    /revoke select/,
  ],
  [
    'a function with its owner’s rights',
    'create function planted() returns bigint language sql security definer as $$ select count(*) from tenants $$',
    'drop function planted()',
    'function_bypasses_row_security',
    /security invoker/,
  ],
]

const start = (appUrl?: string) =>
  openRuntime({
    config: {
      ...readConfig({
        COGNITIONOS_SECRET: t.database.secret,
        DATABASE_URL: t.database.ownerUrl,
        ...(appUrl ? { DATABASE_APP_URL: appUrl } : {}),
      }),
    },
    log: silent,
  })

test.each(PLANTED)('%s is found, with what mends it, and the server refuses to start', async (_what, plant, undo, code, mend) => {
  await asOwner(plant)
  try {
    const findings = await asApp((client) => inspectDatabase(client, ['public', 'tenant_plane']))
    expect(findings).toEqual([expect.objectContaining({ code, severity: 'fatal', mend: expect.stringMatching(mend) })])
    await expect(start()).rejects.toMatchObject({ code })
  } finally {
    await asOwner(undo)
  }
})

test.each([
  ['bypassrls', '', 'role_bypasses_row_security'],
  ['superuser', '', 'role_bypasses_row_security'],
  ['inherit', 'grant cognitionos_operator to planted_role', 'role_inherits_operator'],
])('a role with %s is found and refused as the role of the server', async (attribute, grant, code) => {
  await asOwner(`create role planted_role login password 'x' ${attribute}; ${grant}`)
  try {
    await expect(start(withCredentials(t.database.ownerUrl, 'planted_role', 'x'))).rejects.toMatchObject({ code })
  } finally {
    await asOwner('drop role planted_role')
  }
})

// The first minors with the fix of CVE-2025-8713: postgresql.org/support/security/CVE-2025-8713/ (18 has it from its first release).
test.each([
  [140_022, 'postgres_too_old'],
  [150_013, 'postgres_vulnerable'],
  [150_014, undefined],
  [160_009, 'postgres_vulnerable'],
  [160_010, undefined],
  [170_005, 'postgres_vulnerable'],
  [170_006, undefined],
  [180_000, undefined],
])('PostgreSQL %i: %s', (version, code) => {
  expect(inspectVersion(version)?.code).toBe(code)
})
