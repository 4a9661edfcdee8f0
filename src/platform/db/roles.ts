import type { ClientBase } from 'pg'
import pg from 'pg'
import { isSqlState } from './transaction.ts'

/** The server's login role: no superuser, no BYPASSRLS, owns nothing. */
export const APP_ROLE = 'cognitionos_app'
/** Taken for one transaction, with a reason, to see all tenants; the app role is a member that inherits nothing. */
export const OPERATOR_ROLE = 'cognitionos_operator'

/** A statement that takes longer is ended by PostgreSQL: whoever asked has gone, and what it locked is waited for. */
export const STATEMENT_TIMEOUT_MS = 30_000
/** A transaction that nothing is heard of for so long belongs to a process that is stopped or cut off. */
const IDLE_TIMEOUT_MS = 600_000

// The timeouts are the role's own: nothing is to be sent for a connection, and a pooler lets no such parameter of a start through.
const STATEMENTS = (password: string) => `
do $$ begin
  if not exists (select from pg_roles where rolname = '${OPERATOR_ROLE}') then
    create role ${OPERATOR_ROLE} nologin nosuperuser nobypassrls nocreatedb nocreaterole;
  end if;
  if not exists (select from pg_roles where rolname = '${APP_ROLE}') then
    create role ${APP_ROLE} login nosuperuser nobypassrls nocreatedb nocreaterole noinherit;
  end if;
  if not pg_has_role('${APP_ROLE}', '${OPERATOR_ROLE}', 'member') then
    grant ${OPERATOR_ROLE} to ${APP_ROLE};
  end if;
end $$;
alter role ${APP_ROLE} password ${pg.escapeLiteral(password)};
alter role ${APP_ROLE} set statement_timeout = ${STATEMENT_TIMEOUT_MS};
alter role ${APP_ROLE} set idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS};
`

/** Creates the two roles of the server, once a cluster; password and timeouts are set at each call. Concurrent callers may collide: tried again. */
export const ensureRoles = async (owner: ClientBase, password: string): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await owner.query(STATEMENTS(password))
      return
    } catch (error) {
      // 23505, 42710: another process created it meanwhile; XX000: "tuple concurrently updated".
      const collided = ['23505', '42710', 'XX000'].some((state) => isSqlState(error, state))
      if (!collided || attempt === 10) throw error
      await new Promise((resolve) => setTimeout(resolve, 20 * attempt))
    }
  }
}
