import type { ClientBase } from 'pg'
import pg from 'pg'
import { isSqlState } from './transaction.ts'

/** The server's login role: no superuser, no BYPASSRLS, owns nothing. */
export const APP_ROLE = 'cognitionos_app'
/** Taken for one transaction, with a reason, to see all tenants; the app role is a member that inherits nothing. */
export const OPERATOR_ROLE = 'cognitionos_operator'

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
`

/** Creates the two roles of the server, once a cluster; the password is set at each call. Concurrent callers may collide: tried again. */
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
