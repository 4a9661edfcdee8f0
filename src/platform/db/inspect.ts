import type { ClientBase } from 'pg'

/** Something about the database that the server must not, or should not, run with. */
export interface Finding {
  readonly code: string
  readonly severity: 'fatal' | 'warning'
  readonly message: string
  /** What mends it. */
  readonly mend: string
}

/** First minors in which CVE-2025-8713 (optimizer statistics leak rows that row security hides) is fixed. */
export const FIXED_MINORS: Readonly<Record<number, number>> = { 15: 14, 16: 10, 17: 6 }

const OLDEST_MAJOR = 15

/** `versionNumber` is server_version_num: 150014 is 15.14. */
export const inspectVersion = (versionNumber: number): Finding | undefined => {
  const major = Math.floor(versionNumber / 10_000)
  const minor = versionNumber % 10_000
  if (major < OLDEST_MAJOR)
    return {
      code: 'postgres_too_old',
      severity: 'fatal',
      message: `PostgreSQL ${major} is not supported`,
      mend: `use PostgreSQL ${OLDEST_MAJOR} or later`,
    }
  const fixed = FIXED_MINORS[major]
  if (fixed !== undefined && minor < fixed)
    return {
      code: 'postgres_vulnerable',
      severity: 'fatal',
      message: `PostgreSQL ${major}.${minor} has CVE-2025-8713, which leaks rows that row security hides`,
      mend: `update to ${major}.${fixed} or later; for development only, set ALLOW_VULNERABLE_POSTGRES=true`,
    }
  return undefined
}

/** Looks at the connection's own role and at each table and view of the product's schemas. Run it as the server's role. */
export const inspectDatabase = async (client: ClientBase, schemas: readonly string[]): Promise<readonly Finding[]> => {
  const { rows: versions } = await client.query<{ version: string }>(`select current_setting('server_version_num') as version`)
  const version = inspectVersion(Number(versions[0]?.version))
  return [
    ...(version ? [version] : []),
    ...(await inspectRole(client)),
    ...(await inspectTables(client, schemas)),
    ...(await inspectViews(client, schemas)),
  ]
}

const inspectRole = async (client: ClientBase): Promise<readonly Finding[]> => {
  const { rows } = await client.query<{ name: string; super: boolean; bypass: boolean; owns: string[] }>(
    `select rolname as name, rolsuper as super, rolbypassrls as bypass,
       coalesce((select array_agg(c.oid::regclass::text) from pg_class c where c.relowner = r.oid and c.relkind in ('r', 'p')), '{}') as owns
     from pg_roles r where rolname = current_user`,
  )
  const role = rows[0]
  if (!role || !(role.super || role.bypass || role.owns.length > 0)) return []
  const why = role.super ? 'is a superuser' : role.bypass ? 'has BYPASSRLS' : `owns ${role.owns[0]}`
  return [
    {
      code: 'role_bypasses_row_security',
      severity: 'fatal',
      message: `the server's role ${role.name} ${why}, so row security would not hold for it`,
      mend: 'unset DATABASE_APP_URL (the restricted role cognitionos_app is made by `cognitionos migrate`), or give a role that is none of these',
    },
  ]
}

const inspectTables = async (client: ClientBase, schemas: readonly string[]): Promise<readonly Finding[]> => {
  const { rows } = await client.query<{ table: string }>(
    `select c.oid::regclass::text as table from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
     where n.nspname = any($1) and c.relkind in ('r', 'p') and not (
       c.relrowsecurity and c.relforcerowsecurity
       and exists (select from pg_policy p where p.polrelid = c.oid)
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polcmd in ('*', 'a', 'w') and p.polwithcheck is null))
     order by 1`,
    [schemas],
  )
  return rows.map(({ table }) => ({
    code: 'table_without_row_security',
    severity: 'fatal' as const,
    message: `table ${table} has a tenant_id but not FORCE ROW LEVEL SECURITY with a WITH CHECK on each writing policy`,
    mend: `run \`cognitionos migrate\`; if you made the table yourself: call protect('${table}')`,
  }))
}

const inspectViews = async (client: ClientBase, schemas: readonly string[]): Promise<readonly Finding[]> => {
  const { rows } = await client.query<{ view: string }>(
    `select c.oid::regclass::text as view from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1) and has_table_privilege(c.oid, 'select')
       and (c.relkind = 'm' or (c.relkind = 'v' and not coalesce(c.reloptions @> '{security_invoker=true}', false)))`,
    [schemas],
  )
  return rows.map(({ view }) => ({
    code: 'view_bypasses_row_security',
    severity: 'fatal' as const,
    message: `view ${view} reads with its owner's rights, so it shows all tenants`,
    mend: `alter view ${view} set (security_invoker = true), or revoke select on it from cognitionos_app`,
  }))
}
