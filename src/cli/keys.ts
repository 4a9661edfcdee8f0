import type { Command } from 'commander'
import { type ApiKey, OPERATOR_SCOPES } from '../platform/auth/api-keys.ts'
import { SCOPES } from '../platform/auth/caller.ts'
import { systemClock } from '../platform/clock.ts'
import { configError } from '../platform/errors.ts'
import type { Body } from './api.ts'
import { wantsJson } from './output.ts'
import { field, minute, printList, printOne, type Shown } from './reply.ts'
import { type SessionOptions, speaking, withApi, withDatabase } from './session.ts'

interface KeyOptions extends SessionOptions {
  readonly tenant?: string
}

interface CreateOptions extends KeyOptions {
  readonly operator?: true
  readonly name: string
  readonly scopes?: readonly string[]
  readonly expires?: string
}

const COLUMNS: readonly Shown[] = [
  { title: 'id', value: (row) => field(row, 'id') },
  { title: 'begins with', value: (row) => field(row, 'prefix') },
  { title: 'name', value: (row) => field(row, 'name') },
  { title: 'last used', value: (row) => minute(field(row, 'last_used_at')) },
  { title: 'expires', value: (row) => minute(field(row, 'expires_at')) },
  { title: 'revoked', value: (row) => minute(field(row, 'revoked_at')) },
  { title: 'scopes', value: (row) => (Array.isArray(row.scopes) ? row.scopes.join(' ') : '—') },
]
const FIELDS = ['id', 'tenant_id', 'name', 'prefix', 'scopes', 'created_at', 'expires_at', 'last_used_at', 'revoked_at']

const toReply = ({ id, tenantId, name, prefix, scopes, createdAt, expiresAt, lastUsedAt, revokedAt }: ApiKey): Body => ({
  id,
  tenant_id: tenantId,
  name,
  prefix,
  scopes,
  created_at: String(createdAt),
  expires_at: expiresAt?.toString() ?? null,
  last_used_at: lastUsedAt?.toString() ?? null,
  revoked_at: revokedAt?.toString() ?? null,
})

const keysPath = (tenant: string): string => `/tenants/${encodeURIComponent(tenant)}/api-keys`

const DAYS = /^(\d{1,5})d$/

/** '90d', a date or an instant, all from now or in UTC. */
export const expiryOf = (text: string, now: Temporal.Instant): Temporal.Instant => {
  const [, days] = DAYS.exec(text) ?? []
  if (days !== undefined) return now.add({ hours: 24 * Number(days) })
  try {
    return Temporal.Instant.from(text.length === 10 ? `${text}T00:00:00Z` : text)
  } catch {
    throw configError('expiry_invalid', `--expires ${text} is no time; give 90d, 2027-01-31 or 2027-01-31T09:00:00Z`)
  }
}

const printSecret = (command: Command, body: Body): void => {
  printOne(command, body, ['secret', ...FIELDS])
  if (!wantsJson(command)) process.stderr.write('\nThe secret is shown this once; keep it where secrets are kept.\n')
}

const create = async (options: CreateOptions, command: Command): Promise<void> => {
  const { operator, tenant, name, scopes, expires } = options
  if ((operator === true) === (tenant !== undefined))
    throw configError('key_owner_missing', 'give either --operator or --tenant ID: whose key it is to be')
  const until = expires === undefined ? undefined : expiryOf(expires, systemClock.now())
  if (tenant !== undefined) {
    const body = { name, scopes: scopes ?? SCOPES, ...(until ? { expires_at: String(until) } : {}) }
    return withApi(options, async (api) => printSecret(command, await api.call('POST', keysPath(tenant), body)))
  }
  if (scopes !== undefined)
    throw configError('scopes_not_used', `an operator's key may do everything (${OPERATOR_SCOPES.join()}); leave out --scopes`)
  return withDatabase(options, async ({ app: { db, services } }) => {
    const made = await db.control.asOperator('make an operator key', (tx) => services.apiKeys.createOperator(tx, name, until))
    printSecret(command, { ...toReply(made), secret: made.secret })
  })
}

const list = async ({ tenant, ...session }: KeyOptions, command: Command): Promise<void> => {
  if (tenant !== undefined)
    return withApi(session, async (api) => printList(command, await api.call('GET', keysPath(tenant)), COLUMNS))
  return withDatabase(session, async ({ app: { db, services } }) => {
    const keys = await db.control.asOperator('list operator keys', (tx) => services.apiKeys.listOperator(tx))
    printList(command, { data: keys.map(toReply), next_cursor: null }, COLUMNS)
  })
}

const revoke = async (id: string, { tenant, ...session }: KeyOptions, command: Command): Promise<void> => {
  if (tenant !== undefined)
    return withApi(session, async (api) =>
      printOne(command, await api.call('DELETE', `${keysPath(tenant)}/${encodeURIComponent(id)}`), FIELDS),
    )
  return withDatabase(session, async ({ app: { db, services } }) => {
    const key = await db.control.asOperator('revoke an operator key', (tx) => services.apiKeys.revokeOperator(tx, id))
    printOne(command, toReply(key), FIELDS)
  })
}

const EXAMPLES = `
Examples:
  cognitionos keys create --operator --name "deploy script" --expires 90d
  cognitionos keys create --tenant tnt_… --name ingest --scopes usage:write usage:read
  cognitionos keys list --tenant tnt_…
  cognitionos keys revoke key_… --tenant tnt_…

Scopes of a tenant's key: ${SCOPES.join(', ')}
Operator keys are made and revoked where the database is, never over HTTP.`

export const addKeys = (program: Command): void => {
  const keys = program
    .command('keys')
    .description('API keys of the operator and of tenants: list, create, revoke')
    .addHelpText('after', EXAMPLES)
  const ofTenant = "a tenant's keys; the operator's where not told"

  speaking(keys.command('list')).description('list keys, newest first').option('--tenant <id>', ofTenant).action(list)

  speaking(keys.command('create'))
    .description('create a key; its secret is shown this once')
    .option('--operator', "the operator's: it may do everything, for all tenants")
    .option('--tenant <id>', "a tenant's")
    .option('--name <name>', 'what it is for', 'made by the command line')
    .option('--scopes <scopes...>', "what a tenant's key may do; everything where not told")
    .option('--expires <when>', '90d, 2027-01-31 or an instant; never where not told')
    .action(create)

  speaking(keys.command('revoke <id>'))
    .description('revoke a key; every process refuses it within a second')
    .option('--tenant <id>', ofTenant)
    .action(revoke)
}
