import { minorDigits } from '../../lib/money.ts'
import type { Period } from '../../lib/period.ts'
import { taxOn } from '../../lib/tax.ts'
import { type LineDraft, pieceLine, type Totals } from './invoice.ts'

export interface Composition {
  readonly currency: string
  readonly period: Period
  readonly lines: readonly LineDraft[]
  readonly totals: Totals
}

export interface ComposeInput {
  readonly currency: string
  readonly period: Period
  /** Without discount and tax. */
  readonly lines: readonly LineDraft[]
  /** Minor units off, before tax; more than there is to pay takes off all of it. */
  readonly discount?: { readonly name: string; readonly amount: bigint }
  readonly tax: { readonly percent: string; readonly name: string } | undefined
  /** What the tenant has to its credit, minor units. */
  readonly credit: bigint
}

const sum = (lines: readonly LineDraft[]): bigint => lines.reduce((total, { amount }) => total + amount, 0n)
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const positive = (amount: bigint): bigint => (amount > 0n ? amount : 0n)

/**
 * The totals of an invoice from its lines. Tax is taken on the net of all lines and rounded once; a negative total is owed back: nothing
 * is due, and the ledger moves it to the tenant's credit, which later invoices use up.
 */
export const compose = ({ currency, period, lines, discount, tax, credit }: ComposeInput): Composition => {
  const piece = (kind: 'discount' | 'tax', description: string, amount: bigint): LineDraft[] =>
    amount === 0n ? [] : [pieceLine({ kind, description, amount, period }, minorDigits(currency))]
  const subtotal = sum(lines)
  const off = discount ? min(discount.amount, positive(subtotal)) : 0n
  const net = subtotal - off
  const taxed = tax ? taxOn([net], tax.percent).total : 0n
  const total = net + taxed
  const creditApplied = min(positive(credit), positive(total))
  return {
    currency,
    period,
    lines: [
      ...lines,
      ...(discount ? piece('discount', discount.name, -off) : []),
      ...(tax ? piece('tax', `${tax.name} ${tax.percent} %`, taxed) : []),
    ],
    totals: { subtotal, discount: off, tax: taxed, total, creditApplied, amountDue: positive(total) - creditApplied },
  }
}
