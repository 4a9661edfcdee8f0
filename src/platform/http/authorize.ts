import { type Caller, may } from '../auth/caller.ts'
import { forbidden, notFound } from '../errors.ts'
import type { Route } from './route.ts'

/** The parts of a request that can name a tenant. */
export interface Parts {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

/** Refuses a caller of the wrong kind, or whose key lacks the scope. */
export const authorize = <S>(route: Route<S>, caller: Caller): void => {
  if (route.access === 'operator' && caller.kind !== 'operator')
    throw forbidden('operator_only', 'only the operator may do this; use an operator key')
  if (route.access === 'tenant' && caller.kind !== 'tenant')
    throw forbidden('tenant_only', 'this needs a key of the tenant itself')
  if (route.scope && !may(caller, route.scope))
    throw forbidden('scope_missing', `your key lacks the scope ${route.scope}; create a key that has it`, { scope: route.scope })
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined

/** Reads the tenant that a request names, where its route says; undefined: none is named. */
export const tenantReader = <S>({ tenant }: Route<S>): ((parts: Parts) => string | undefined) => {
  if (tenant === undefined) return () => undefined
  const [part, name] = tenant.split('.', 2)
  return (parts) => {
    const named = fieldOf(part === 'params' ? parts.params : part === 'body' ? parts.body : parts.query, name ?? '')
    return typeof named === 'string' ? named : undefined
  }
}

/**
 * The tenant that a request means. A tenant's key means its own, and one that names another is answered as for a tenant that does not
 * exist. An operator's key means the tenant it names, or none.
 */
export const tenantOf = (caller: Caller, named: string | undefined): string | undefined => {
  if (caller.kind === 'operator') return named
  if (named !== undefined && named !== caller.tenantId) throw notFound('tenant_not_found', `tenant ${named} does not exist`)
  return caller.tenantId
}
