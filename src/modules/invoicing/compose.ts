import { taxOn } from '../../lib/tax.ts'
import type { InvoiceKind, LineDraft, Totals } from './invoice.ts'

export interface Composition {
  readonly kind: InvoiceKind
  readonly currency: string
  readonly lines: readonly LineDraft[]
  readonly totals: Totals
}

export interface ComposeInput {
  readonly kind: InvoiceKind
  readonly currency: string
  /** Without tax. */
  readonly lines: readonly LineDraft[]
  readonly tax: { readonly percent: string; readonly name: string } | undefined
  /** What the tenant has to its credit, minor units. */
  readonly credit: bigint
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/**
 * The totals of an invoice from its lines. Tax is taken on the net of all lines and rounded once; a negative total is owed back: nothing
 * is due, and the ledger moves it to the tenant's credit, which later invoices use up.
 */
export const compose = ({ kind, currency, lines, tax, credit }: ComposeInput): Composition => {
  const subtotal = sum(lines.map(({ amount }) => amount))
  const taxed = tax ? taxOn([subtotal], tax.percent).total : 0n
  const period = lines[0]?.period
  const taxLine: LineDraft[] =
    tax && period && taxed !== 0n
      ? [
          {
            kind: 'tax',
            meter: null,
            description: `${tax.name} ${tax.percent} %`,
            quantity: 10n ** 12n,
            unitPrice: 0n,
            amount: taxed,
            period,
          },
        ]
      : []
  const total = subtotal + taxed
  const creditApplied = total > 0n ? min(credit > 0n ? credit : 0n, total) : 0n
  return {
    kind,
    currency,
    lines: [...lines, ...taxLine],
    totals: { subtotal, discount: 0n, tax: taxed, total, creditApplied, amountDue: total > 0n ? total - creditApplied : 0n },
  }
}
