import type { Decimal12 } from '../../lib/decimal.ts'
import type { Period } from '../../lib/period.ts'
import type { Meter } from '../catalog/index.ts'

export const STATUSES = ['draft', 'open', 'paid', 'void'] as const
export type InvoiceStatus = (typeof STATUSES)[number]

const NEXT = {
  draft: ['open', 'void'],
  open: ['paid', 'void'],
  paid: [],
  void: [],
} as const satisfies Record<InvoiceStatus, readonly InvoiceStatus[]>

export const canMove = (from: InvoiceStatus, to: InvoiceStatus): boolean => NEXT[from].some((next: InvoiceStatus) => next === to)

/** `period`: a base in advance with the arrears before it; `change`: a proration; `final`: the last arrears. */
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

/** What of a period's use has been billed so far: amounts in minor units by meter, 'llm_cost' for pass-through. */
export type Billed = Readonly<Record<string, bigint>>

/** Use of one closed period as an invoice billed it; later invoices compare and bill what came late. */
export interface BilledPeriod {
  readonly index: number
  readonly start: string
  readonly end: string
  readonly paid: { readonly start: string; readonly end: string }
  readonly whole: { readonly start: string; readonly end: string }
  /** Minor units as text. */
  readonly billed: Readonly<Record<string, string>>
}

export interface Totals {
  readonly subtotal: bigint
  readonly discount: bigint
  readonly tax: bigint
  readonly total: bigint
  readonly creditApplied: bigint
  readonly amountDue: bigint
}

export interface Invoice extends Totals {
  readonly id: string
  readonly tenantId: string
  readonly subscriptionId: string | null
  readonly number: string | null
  readonly kind: InvoiceKind
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
}
