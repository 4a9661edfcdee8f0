import type { ClientBase } from 'pg'
import { withOwner } from '../../platform/db/migrate.ts'
import { APP_ROLE, ensureRoles, OPERATOR_ROLE } from '../../platform/db/roles.ts'
import { appPassword } from '../../platform/db/urls.ts'
import { AppError, unprocessable } from '../../platform/errors.ts'
import { endpointOf } from './cluster.ts'

const MIN_VERSION = 15

interface Facts {
  readonly version: number
  readonly role: string
  readonly may_create_databases: boolean
  readonly may_create_roles: boolean
}

const FACTS = `select current_setting('server_version_num')::int / 10000 as version, rolname as role,
  rolsuper or rolcreatedb as may_create_databases, rolsuper or rolcreaterole as may_create_roles
  from pg_roles where rolname = current_user`

const UNSAFE = `select rolname from pg_roles where rolname = any ($1) and (rolsuper or rolbypassrls)`

const refuse = (code: string, message: string, cause?: unknown) => unprocessable(code, message, {}, { cause })

const verify = async (owner: ClientBase, secret: string): Promise<void> => {
  const facts = (await owner.query<Facts>(FACTS)).rows[0]
  if (!facts || facts.version < MIN_VERSION)
    throw refuse('cluster_too_old', `the server runs PostgreSQL ${facts?.version}; ${MIN_VERSION} or later is needed`)
  if (!facts.may_create_databases)
    throw refuse(
      'cluster_not_allowed',
      `role ${facts.role} may not create databases there; run: ALTER ROLE ${facts.role} CREATEDB`,
    )
  if (!facts.may_create_roles)
    throw refuse('cluster_not_allowed', `role ${facts.role} may not create roles there; run: ALTER ROLE ${facts.role} CREATEROLE`)
  await ensureRoles(owner, appPassword(secret))
  const unsafe = (await owner.query<{ rolname: string }>(UNSAFE, [[APP_ROLE, OPERATOR_ROLE]])).rows[0]
  if (unsafe)
    throw refuse(
      'cluster_role_unsafe',
      `role ${unsafe.rolname} on that server could bypass row security; run: ALTER ROLE ${unsafe.rolname} NOSUPERUSER NOBYPASSRLS`,
    )
}

/** Connects as the owner, makes the two roles, and throws 422 that says what to mend; the URL's password is in no message. */
export const verifyServer = async (url: string, secret: string): Promise<void> => {
  try {
    await withOwner(url, (owner) => verify(owner, secret))
  } catch (error) {
    if (error instanceof AppError) throw error
    const { host, port, database } = endpointOf(url)
    const why = error instanceof Error ? error.message : 'no connection'
    throw refuse('cluster_unreachable', `${host}:${port}/${database} cannot be used: ${why}; check the url and try again`, error)
  }
}
