import type { Decimal12 } from '../../lib/decimal.ts'
import type { Period } from '../../lib/period.ts'
import type { Meter } from '../catalog/index.ts'
import type { BilledPeriod } from './billed-period.ts'

export const STATUSES = ['draft', 'open', 'paid', 'void'] as const
export type InvoiceStatus = (typeof STATUSES)[number]

const NEXT = {
  draft: ['open', 'void'],
  open: ['paid', 'void'],
  paid: [],
  void: [],
} as const satisfies Record<InvoiceStatus, readonly InvoiceStatus[]>

export const canMove = (from: InvoiceStatus, to: InvoiceStatus): boolean => NEXT[from].some((next: InvoiceStatus) => next === to)

/** `period`: a base in advance with the arrears before it; `change`: a proration; `final`: the last arrears and what came after them. */
export const KINDS = ['period', 'change', 'final'] as const
export type InvoiceKind = (typeof KINDS)[number]

export const LINE_KINDS = ['base', 'overage', 'pass_through', 'proration', 'discount', 'adjustment', 'tax'] as const
export type LineKind = (typeof LINE_KINDS)[number]

export interface LineDraft {
  readonly kind: LineKind
  readonly meter: Meter | 'llm_cost' | null
  readonly description: string
  readonly quantity: Decimal12
  /** Major units, for display: the amount is what counts. */
  readonly unitPrice: Decimal12
  /** Minor units; negative: given back. */
  readonly amount: bigint
  readonly period: Period
}

export interface Line extends LineDraft {
  readonly id: string
  readonly position: number
}

/** Minor units. */
export interface Totals {
  /** All lines but discount and tax. */
  readonly subtotal: bigint
  readonly discount: bigint
  readonly tax: bigint
  /** subtotal − discount + tax; below 0 the rest goes to the tenant's credit. */
  readonly total: bigint
  readonly creditApplied: bigint
  readonly amountDue: bigint
}

export interface Invoice extends Totals {
  readonly id: string
  readonly tenantId: string
  readonly subscriptionId: string | null
  /** null: a draft. */
  readonly number: string | null
  readonly kind: InvoiceKind
  /** What it bills: at most one invoice that is not void bills it. */
  readonly sourceKey: string
  readonly status: InvoiceStatus
  readonly currency: string
  readonly period: Period
  readonly amountPaid: bigint
  readonly billed: readonly BilledPeriod[]
  readonly createdAt: Temporal.Instant
  readonly finalizedAt: Temporal.Instant | null
  readonly dueAt: Temporal.Instant | null
  readonly paidAt: Temporal.Instant | null
  readonly voidedAt: Temporal.Instant | null
  readonly voidReason: string | null
}

export interface WholeInvoice {
  readonly invoice: Invoice
  readonly lines: readonly Line[]
}

const ONE = 10n ** 12n

/** A line of one piece, priced at its amount. `minorDigits` are those of the currency. */
export const pieceLine = (
  {
    kind,
    meter = null,
    description,
    amount,
    period,
  }: Pick<LineDraft, 'kind' | 'description' | 'amount' | 'period'> & {
    readonly meter?: LineDraft['meter']
  },
  minorDigits: number,
): LineDraft => ({
  kind,
  meter,
  description,
  quantity: ONE,
  unitPrice: (amount * ONE) / 10n ** BigInt(minorDigits),
  amount,
  period,
})
