import { stripVTControlCharacters } from 'node:util'
import { formatAmount } from '../../lib/money.ts'
import { type Cell, type Column, grouped, type Paint, table } from '../table.ts'
import type { DemoResult, InvoiceResult, TenantResult } from './result.ts'

const WIDTH = 92
const GAUGE = 16
const INDENT = '  '

const revenueOf = ({ base, overage, passThrough }: TenantResult): bigint => base + overage + passThrough

/** '26,113,930' → '26.1 M': the exact number is a request away. */
const short = (value: number): string =>
  value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : value >= 1e3 ? `${(value / 1e3).toFixed(0)} k` : String(value)

const heading = (title: string, note: string, paint: Paint): string => {
  const rule = '─'.repeat(Math.max(2, WIDTH - title.length - note.length - 5))
  return `${paint.dim('──')} ${paint.bold(title)} ${paint.dim(`${rule} ${note}`)}`
}

/** How much of the included calls is used: full at the allowance. */
const gauge = ({ calls, includedCalls }: TenantResult): string => {
  const full = Math.min(GAUGE, Math.round((calls / includedCalls) * GAUGE))
  return '█'.repeat(full) + '░'.repeat(GAUGE - full)
}

const allowance = (tenant: TenantResult, paint: Paint): Cell => {
  const { calls, includedCalls, refused } = tenant
  if (refused > 0) return { text: `${gauge(tenant)} stopped, ${grouped(refused)} refused`, paint: paint.bad }
  if (calls > includedCalls) return { text: `${gauge(tenant)} ${grouped(calls - includedCalls)} over`, paint: paint.warn }
  return { text: `${gauge(tenant)} ${Math.round((calls / includedCalls) * 100)} % used`, paint: paint.good }
}

const USE: readonly Column[] = [
  { title: 'Tenant', width: 14 },
  { title: 'Plan', width: 8 },
  { title: 'Isolation', width: 9 },
  { title: 'Calls', align: 'right', width: 7 },
  { title: 'Tokens', align: 'right', width: 8 },
  { title: 'Calls included in the plan', width: 34 },
]

const MONEY: readonly Column[] = [
  { title: 'Tenant', width: 14 },
  { title: 'Base', align: 'right', width: 9 },
  { title: 'Overage', align: 'right', width: 9 },
  { title: 'LLM passed on', align: 'right', width: 13 },
  { title: 'Revenue', align: 'right', width: 9 },
  { title: 'LLM cost', align: 'right', width: 9 },
  { title: 'Margin', align: 'right', width: 17 },
]

const usage = (tenants: readonly TenantResult[], paint: Paint): string[] =>
  table(
    USE,
    tenants.map((tenant) => [
      tenant.name,
      tenant.plan,
      tenant.isolation,
      grouped(tenant.calls),
      short(tenant.tokens),
      allowance(tenant, paint),
    ]),
    paint,
  )

const money = (tenants: readonly TenantResult[], currency: string, paint: Paint): string[] => {
  const amount = (minor: bigint): string => grouped(formatAmount(minor, currency))
  const row = (name: string, of: TenantResult, strong: (text: string) => string): Cell[] => {
    const revenue = revenueOf(of)
    const margin = revenue - of.llmCost
    const share = revenue === 0n ? '—' : `${(margin * 100n) / revenue} %`
    return [
      { text: name, paint: strong },
      ...[of.base, of.overage, of.passThrough, revenue, of.llmCost].map((value) => ({
        text: value === 0n ? '—' : amount(value),
        paint: strong,
      })),
      { text: `${amount(margin)} ${share.padStart(5)}`, paint: margin < 0n ? paint.bad : paint.good },
    ]
  }
  const sum = (of: (tenant: TenantResult) => bigint): bigint => tenants.reduce((total, tenant) => total + of(tenant), 0n)
  const [first] = tenants
  if (!first) return []
  const all = {
    ...first,
    base: sum(({ base }) => base),
    overage: sum(({ overage }) => overage),
    passThrough: sum(({ passThrough }) => passThrough),
    llmCost: sum(({ llmCost }) => llmCost),
  }
  return table(
    MONEY,
    [...tenants.map((tenant) => row(tenant.name, tenant, (text) => text)), row('Together', all, paint.bold)],
    paint,
  )
}

const BOX = WIDTH - 4
const seen = (text: string): number => stripVTControlCharacters(text).length

const boxed = (title: string, lines: readonly string[], paint: Paint): string[] => [
  `${paint.dim('╭─')} ${paint.bold(title)} ${paint.dim(`${'─'.repeat(Math.max(1, BOX - title.length - 1))}╮`)}`,
  ...lines.map((line) => `${paint.dim('│')} ${line}${' '.repeat(Math.max(0, BOX - seen(line)))} ${paint.dim('│')}`),
  paint.dim(`╰${'─'.repeat(WIDTH - 2)}╯`),
]

const LINES: readonly Column[] = [
  { title: 'Line', width: 54 },
  { title: 'Quantity', align: 'right', width: 16 },
  { title: 'Amount', align: 'right', width: 14 },
]
const clipped = (text: string): string => (text.length > 54 ? `${text.slice(0, 53)}…` : text)

const invoice = ({ number, tenant, lines, tax, total, payment }: InvoiceResult, currency: string, paint: Paint): string[] => {
  const amount = (minor: bigint): string => grouped(formatAmount(minor, currency))
  const rows = [
    ...lines.map((line) => [clipped(line.description), line.quantity, amount(line.amount)]),
    ...(tax === 0n ? [] : [['Tax', '', amount(tax)]]),
    [{ text: 'Total', paint: paint.bold }, '', { text: `${amount(total)} ${currency}`, paint: paint.bold }],
  ]
  return boxed(
    `Invoice ${number} to ${tenant}`,
    [...table(LINES, rows, paint), '', paint.good(`✓ ${payment}`.slice(0, BOX))],
    paint,
  )
}

const closing = ({ url, operatorKey, tenantKey, totalSeconds }: DemoResult, paint: Paint): string[] => {
  if (url === undefined)
    return [paint.dim(`Done in ${totalSeconds.toFixed(0)} s. Nothing is left behind. \`npm run demo\` stays up to be tried.`)]
  const rows = [
    ['API reference', paint.link(`${url}/docs`)],
    ['Metrics', paint.link(`${url}/metrics`)],
    ['Operator key', operatorKey],
    [`${tenantKey.name}'s key`, tenantKey.key],
  ]
  return [
    heading('Now try it yourself', `ready after ${totalSeconds.toFixed(0)} s`, paint),
    ...rows.map(([name = '', value = '']) => `${paint.dim(name.padEnd(20))} ${value}`),
    '',
    `curl -H "Authorization: Bearer ${tenantKey.key}" \\`,
    `  ${url}/api/v3/saas/subscriptions/${tenantKey.id}/metrics`,
    '',
    paint.dim('Ctrl-C ends it; its database is removed, and the next run starts anew.'),
  ]
}

/** The demo's last screen, at most 92 columns after the indent. */
export const screen = (result: DemoResult, paint: Paint): string => {
  const { tenants, currency, source, from, to, events, meteringSeconds } = result
  const speed = `${grouped(events)} events in ${meteringSeconds.toFixed(1)} s: ${grouped(Math.round(events / meteringSeconds))} events/s`
  const lines = [
    '',
    heading('What was used', `${from} to ${to}`, paint),
    ...usage(tenants, paint),
    '',
    ...source.map(paint.dim),
    paint.dim(`${speed}, over HTTP; each durable, priced, counted once`),
    '',
    heading('What it earned', `that month, ${currency}`, paint),
    ...money(tenants, currency, paint),
    '',
    ...result.invoices.flatMap((each) => [...invoice(each, currency, paint), '']),
    ...closing(result, paint),
    '',
  ]
  return lines.map((line) => (line === '' ? '' : INDENT + line)).join('\n')
}
