import type { ClientBase } from 'pg'
import { OPERATOR_ROLE } from './roles.ts'

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
    ...(await inspectInheritance(client)),
    ...(await inspectTables(client, schemas)),
    ...(await inspectPolicies(client, schemas)),
    ...(await inspectFunctions(client, schemas)),
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

/** A role that inherits the operator's rights passes the operator's policies in every transaction. */
const inspectInheritance = async (client: ClientBase): Promise<readonly Finding[]> => {
  const { rows } = await client.query<{ name: string }>(
    `select me.rolname as name from pg_roles me join pg_roles operator on operator.rolname = $1
     where me.rolname = current_user and not me.rolsuper and pg_has_role(me.oid, operator.oid, 'usage')`,
    [OPERATOR_ROLE],
  )
  return rows.map(({ name }) => ({
    code: 'role_inherits_operator',
    severity: 'fatal' as const,
    message: `the server's role ${name} inherits ${OPERATOR_ROLE}, so it would see all tenants at all times`,
    mend: `alter role ${name} noinherit; revoke ${OPERATOR_ROLE} from ${name}; then run \`cognitionos migrate\`, which grants it without inheritance`,
  }))
}

/** A policy that holds for the server's role and does not ask for the tenant opens the table beside all the others. */
const inspectPolicies = async (client: ClientBase, schemas: readonly string[]): Promise<readonly Finding[]> => {
  const { rows } = await client.query<{ table: string; policy: string }>(
    `select c.oid::regclass::text as table, p.polname as policy from pg_policy p
     join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
     where n.nspname = any($1) and p.polpermissive
       and exists (select from unnest(p.polroles) r where r = 0 or pg_has_role(current_user, r, 'usage'))
       and (coalesce(pg_get_expr(p.polqual, c.oid) !~ 'app.tenant_id', false)
         or coalesce(pg_get_expr(p.polwithcheck, c.oid) !~ 'app.tenant_id', false))
     order by 1, 2`,
    [schemas],
  )
  return rows.map(({ table, policy }) => ({
    code: 'policy_without_tenant',
    severity: 'fatal' as const,
    message: `policy ${policy} of ${table} lets the server's role pass without its tenant`,
    mend: `drop policy ${policy} on ${table}`,
  }))
}

/** What runs with its owner's rights reads past row security. */
const inspectFunctions = async (client: ClientBase, schemas: readonly string[]): Promise<readonly Finding[]> => {
  const { rows } = await client.query<{ name: string }>(
    `select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = any($1) and p.prosecdef and has_function_privilege(p.oid, 'execute') order by 1`,
    [schemas],
  )
  return rows.map(({ name }) => ({
    code: 'function_bypasses_row_security',
    severity: 'fatal' as const,
    message: `function ${name} runs with its owner's rights (SECURITY DEFINER), so it can show all tenants`,
    mend: `alter function ${name} security invoker, or revoke execute on it from public and cognitionos_app`,
  }))
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
