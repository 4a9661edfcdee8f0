import type { LimitScope, LimitTerms, Subject } from './limit.ts'
import { readIpKey } from './limiter/ip-key.ts'

type Field = keyof Subject

/** What a scope reads of a subject, in the order of a key. */
const FIELD = {
  GLOBAL: undefined,
  PER_TENANT: 'tenantId',
  PER_USER: 'userId',
  PER_IP: 'ip',
  PER_ENDPOINT: 'endpoint',
  PER_RESOURCE: 'resource',
} as const satisfies Record<LimitScope, Field | undefined>

/** How a key names it, for whoever reads violations. */
const LABEL = {
  tenantId: 'tenant',
  userId: 'user',
  ip: 'ip',
  endpoint: 'endpoint',
  resource: 'resource',
} as const satisfies Record<Field, string>

const ORDER: readonly Field[] = ['tenantId', 'userId', 'ip', 'endpoint', 'resource']

/** A value must not look like the rest of a key: `a|user=b` is one endpoint, not an endpoint and a user. */
const escaped = (value: string): string =>
  value.includes('%') || value.includes('|') ? value.replaceAll('%', '%25').replaceAll('|', '%7C') : value

/** Of what each tenant has of its own: how its keys begin. */
export const tenantKey = (tenantId: string): string => `${LABEL.tenantId}=${escaped(tenantId)}`

const known = new WeakMap<readonly LimitScope[], readonly Field[]>()

/** What a limit needs to know of whoever asks; asked for with every request, and the same for as long as a version lives. */
const fieldsOf = ({ scopes }: Pick<LimitTerms, 'scopes'>): readonly Field[] => {
  const fields = known.get(scopes) ?? ORDER.filter((field) => scopes.some((scope) => FIELD[scope] === field))
  known.set(scopes, fields)
  return fields
}

const readValue = (field: Field, subject: Subject): string | undefined => {
  const value = subject[field]
  if (value === undefined || value === '') return undefined
  return field === 'ip' ? readIpKey(value) : value
}

/** The fields as the API writes them. */
const STATED = { tenantId: 'tenant_id', userId: 'user_id', ip: 'ip', endpoint: 'endpoint', resource: 'resource' } as const

/** Whether it has an address that is none: no limit may take that for a request without one, and pass it. */
export const isAddressWrong = ({ ip }: Subject): boolean => ip !== undefined && readIpKey(ip) === undefined

/** What of the subject is missing, or is no address, for the limit to count it; in the API's words. */
export const missingOf = (limit: Pick<LimitTerms, 'scopes'>, subject: Subject): readonly string[] =>
  fieldsOf(limit).flatMap((field) => (readValue(field, subject) === undefined ? [STATED[field]] : []))

/**
 * Which of a limit's counts a subject meets: `tenant=tnt_1|ip=2001:db8:0:1::/64`; undefined: the limit does not apply, as something that it
 * counts by is unknown. Users are named by their tenant: the same name in two tenants is two users.
 */
export const keyOf = (limit: Pick<LimitTerms, 'scopes'>, subject: Subject): string | undefined => {
  const fields = fieldsOf(limit)
  if (fields.length === 0) return 'global'
  const parts: string[] = []
  for (const field of fields) {
    const value = readValue(field, subject)
    if (value === undefined) return undefined
    if (field === 'userId' && !fields.includes('tenantId') && subject.tenantId !== undefined)
      parts.push(tenantKey(subject.tenantId))
    parts.push(`${LABEL[field]}=${escaped(value)}`)
  }
  return parts.join('|')
}

/** Whether each tenant has counts of its own, so that one may ask without touching another's. */
export const isPerTenant = ({ scopes }: Pick<LimitTerms, 'scopes'>): boolean =>
  scopes.includes('PER_TENANT') || scopes.includes('PER_USER')
