import { type Command, Option } from 'commander'
import type { Api, Body } from './api.ts'
import { print, printJson, wantsJson } from './output.ts'
import { field, printList, printOne, queryOf, rowsIn, type Shown } from './reply.ts'
import { type SessionOptions, speaking, withApi } from './session.ts'
import { grouped, paintFor, table } from './table.ts'

const COLUMNS: readonly Shown[] = [
  { title: 'id', value: (row) => field(row, 'id') },
  { title: 'number', value: (row) => field(row, 'number') },
  { title: 'status', value: (row) => field(row, 'status') },
  { title: 'kind', value: (row) => field(row, 'kind') },
  { title: 'total', align: 'right', value: (row) => `${grouped(field(row, 'total'))} ${field(row, 'currency')}` },
  { title: 'due', align: 'right', value: (row) => grouped(field(row, 'amount_due')) },
  { title: 'tenant', value: (row) => field(row, 'tenant_id') },
]
const FIELDS = [
  'id',
  'number',
  'status',
  'kind',
  'tenant_id',
  'subscription_id',
  'currency',
  'subtotal',
  'tax',
  'total',
  'credit_applied',
  'amount_due',
]

const LINE_COLUMNS = [{ title: 'line' }, { title: 'quantity', align: 'right' }, { title: 'amount', align: 'right' }] as const

const printInvoice = (command: Command, body: Body): void => {
  printOne(command, body, FIELDS)
  if (wantsJson(command)) return
  const rows = rowsIn(body, 'lines').map((line) => [
    field(line, 'description'),
    field(line, 'quantity'),
    grouped(field(line, 'amount')),
  ])
  print(`\n${table(LINE_COLUMNS, rows, paintFor(process.stdout)).join('\n')}`)
}

const readInvoice = (api: Api, id: string): Promise<Body> => api.call('GET', `/invoices/${encodeURIComponent(id)}`)

interface ListOptions extends SessionOptions {
  readonly tenant?: string
  readonly status?: string
  readonly cursor?: string
}

const EXAMPLES = `
Examples:
  cognitionos invoice list --tenant tnt_… --status open
  cognitionos invoice show inv_… --json
  cognitionos invoice generate sub_…`

export const addInvoice = (program: Command): void => {
  const invoice = program.command('invoice').description('invoices: list, show, generate').addHelpText('after', EXAMPLES)

  speaking(invoice.command('list'))
    .description('list invoices, newest first')
    .option('--tenant <id>', "one tenant's")
    .addOption(new Option('--status <status>', 'only these').choices(['draft', 'open', 'paid', 'void']))
    .option('--cursor <cursor>', 'the page after')
    .action(({ tenant, status, cursor, ...session }: ListOptions, command: Command) =>
      withApi(session, async (api) => {
        printList(command, await api.call('GET', `/invoices${queryOf({ tenant_id: tenant, status, cursor })}`), COLUMNS)
      }),
    )

  speaking(invoice.command('show <id>'))
    .description('show an invoice with its lines')
    .action((id: string, session: SessionOptions, command: Command) =>
      withApi(session, async (api) => printInvoice(command, await readInvoice(api, id))),
    )

  speaking(invoice.command('generate <subscription>'))
    .description('bill what is due of a subscription now; where nothing is, its last invoice is shown')
    .action((subscription: string, session: SessionOptions, command: Command) =>
      withApi(session, async (api) => {
        const body = await api.call('POST', '/invoices/generate', { subscription_id: subscription })
        if (wantsJson(command)) printJson(body)
        else for (const made of rowsIn(body, 'invoices')) printInvoice(command, made)
      }),
    )
}
