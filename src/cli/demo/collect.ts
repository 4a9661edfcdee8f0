import { parseDecimal } from '../../lib/decimal.ts'
import { parseAmount, picoToMinor } from '../../lib/money.ts'
import type { Api, Body } from '../api.ts'
import { field, rowsIn } from '../reply.ts'
import type { TenantResult } from './result.ts'
import type { Actor } from './set-up.ts'
import type { Month } from './traffic.ts'

const CURRENCY = 'USD'

/** The month's lines of one kind: its base was billed before it, its use after it. */
const sumOf = (invoices: readonly Body[], kinds: readonly string[], { start }: Month): bigint =>
  invoices
    .flatMap((invoice) => rowsIn(invoice, 'lines'))
    .filter((line) => kinds.includes(field(line, 'kind')) && Temporal.Instant.from(field(line, 'period_start')).equals(start))
    .reduce((sum, line) => sum + parseAmount(field(line, 'amount'), CURRENCY), 0n)

/** What a tenant did, brought and cost in the month, as the API tells it. */
export const tenantResult = async (
  api: Api,
  { role, tenantId, planName, includedCalls }: Actor,
  month: Month,
  invoices: readonly Body[],
  refused: number,
): Promise<TenantResult> => {
  const summary = await api.call('GET', `/usage/${tenantId}/summary?from=${month.start}&to=${month.end}&type=LLM_COMPLETION`)
  return {
    name: role.name,
    plan: planName,
    isolation: role.isolation,
    calls: Number(summary.events ?? 0),
    refused,
    includedCalls,
    tokens: Number(summary.input_tokens ?? 0) + Number(summary.output_tokens ?? 0),
    base: sumOf(invoices, ['base'], month),
    overage: sumOf(invoices, ['overage', 'adjustment'], month),
    passThrough: sumOf(invoices, ['pass_through'], month),
    llmCost: picoToMinor(parseDecimal(field(summary, 'cost')), CURRENCY),
  }
}
