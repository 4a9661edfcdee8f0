import { type Command, Option } from 'commander'
import type { Body } from './api.ts'
import { field, minute, printList, printOne, queryOf, type Shown } from './reply.ts'
import { type SessionOptions, speaking, withApi } from './session.ts'

const COLUMNS: readonly Shown[] = [
  { title: 'id', value: (row) => field(row, 'id') },
  { title: 'name', value: (row) => field(row, 'name') },
  { title: 'type', value: (row) => field(row, 'type') },
  { title: 'status', value: (row) => field(row, 'status') },
  { title: 'isolation', value: (row) => field(row, 'isolation') },
  { title: 'created', value: (row) => minute(field(row, 'created_at')) },
]
const FIELDS = [
  'id',
  'slug',
  'name',
  'type',
  'status',
  'status_reason',
  'isolation',
  'currency',
  'time_zone',
  'parent_id',
  'trial_ends_at',
  'quotas',
  'created_at',
]
const TYPES = ['INDIVIDUAL', 'SMALL_BUSINESS', 'ENTERPRISE', 'RESELLER', 'PARTNER']
const LEVELS = ['SHARED', 'SCHEMA', 'DATABASE', 'CLUSTER']
const STATUSES = ['pending_activation', 'trial', 'active', 'suspended', 'churned', 'deleted']

interface ListOptions extends SessionOptions {
  readonly status?: string
  readonly search?: string
  readonly limit?: string
  readonly cursor?: string
}

interface CreateOptions extends SessionOptions {
  readonly owner: string
  readonly ownerName?: string
  readonly type: string
  readonly isolation: string
  readonly cluster?: string
  readonly currency: string
  readonly timeZone: string
  readonly slug?: string
  readonly trialDays?: string
}

const newTenant = (name: string, options: CreateOptions): Body => ({
  name,
  type: options.type,
  isolation: options.isolation,
  currency: options.currency,
  time_zone: options.timeZone,
  owner: { email: options.owner, name: options.ownerName ?? options.owner },
  ...(options.slug === undefined ? {} : { slug: options.slug }),
  ...(options.cluster === undefined ? {} : { cluster_id: options.cluster }),
  ...(options.trialDays === undefined ? {} : { trial_days: Number(options.trialDays) }),
})

const pathOf = (id: string, verb = ''): string => `/tenants/${encodeURIComponent(id)}${verb}`

const EXAMPLES = `
Examples:
  cognitionos tenants list --status active
  cognitionos tenants create "Acme" --owner ada@acme.example --isolation SCHEMA --time-zone Europe/Berlin
  cognitionos tenants suspend tnt_… --reason "invoice 60 days overdue"`

export const addTenants = (program: Command): void => {
  const tenants = program
    .command('tenants')
    .description('the customers: list, create, show, suspend, activate')
    .addHelpText('after', EXAMPLES)

  speaking(tenants.command('list'))
    .description('list tenants, newest first')
    .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
    .option('--search <text>', 'part of the name or slug')
    .option('--limit <n>', 'rows a page, at most 200')
    .option('--cursor <cursor>', 'the page after')
    .action(({ status, search, limit, cursor, ...session }: ListOptions, command: Command) =>
      withApi(session, async (api) => {
        const body = await api.call('GET', `/tenants${queryOf({ status, q: search, limit, cursor })}`)
        printList(command, body, COLUMNS)
      }),
    )

  speaking(tenants.command('create <name>'))
    .description('create a tenant with its place and its first user')
    .requiredOption('--owner <email>', "the first user's email address")
    .option('--owner-name <name>', "the first user's name")
    .addOption(new Option('--type <type>', 'decides the default quotas').choices(TYPES).default('SMALL_BUSINESS'))
    .addOption(new Option('--isolation <level>', 'where its data lives').choices(LEVELS).default('SHARED'))
    .option('--cluster <id>', 'the registered server, for isolation CLUSTER')
    .option('--currency <code>', 'ISO 4217', 'USD')
    .option('--time-zone <zone>', 'whose days its bills follow', 'UTC')
    .option('--slug <slug>', 'from the name where not told')
    .option('--trial-days <n>', 'begin with a trial')
    .action((name: string, options: CreateOptions, command: Command) =>
      withApi(options, async (api) => printOne(command, await api.call('POST', '/tenants', newTenant(name, options)), FIELDS)),
    )

  speaking(tenants.command('show <id>'))
    .description('show one tenant')
    .action((id: string, options: SessionOptions, command: Command) =>
      withApi(options, async (api) => printOne(command, await api.call('GET', pathOf(id)), FIELDS)),
    )

  speaking(tenants.command('suspend <id>'))
    .description('refuse its keys until it is activated again')
    .requiredOption('--reason <text>', 'why; kept with the tenant')
    .action((id: string, { reason, ...session }: SessionOptions & { reason: string }, command: Command) =>
      withApi(session, async (api) => printOne(command, await api.call('POST', pathOf(id, '/suspend'), { reason }), FIELDS)),
    )

  speaking(tenants.command('activate <id>'))
    .description('activate a tenant that waits, is in trial or suspended')
    .option('--reason <text>', 'why; kept with the tenant')
    .action((id: string, { reason, ...session }: SessionOptions & { reason?: string }, command: Command) =>
      withApi(session, async (api) => {
        const body = await api.call('POST', pathOf(id, '/activate'), reason === undefined ? {} : { reason })
        printOne(command, body, FIELDS)
      }),
    )
}
