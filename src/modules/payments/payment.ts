export const STATUSES = ['processing', 'requires_action', 'succeeded', 'failed'] as const
export type PaymentStatus = (typeof STATUSES)[number]

export interface Payment {
  readonly id: string
  readonly tenantId: string
  readonly invoiceId: string
  readonly status: PaymentStatus
  /** Minor units. */
  readonly amount: bigint
  readonly currency: string
  readonly gateway: string
  /** The gateway's token, never a card number. */
  readonly paymentMethod: string
  readonly gatewayReference: string | null
  readonly failureCode: string | null
  /** Where the payer confirms, while that is asked for. */
  readonly actionUrl: string | null
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
}

/** What a gateway says of a charge. */
export type ChargeResult =
  | { readonly status: 'succeeded'; readonly reference: string }
  | { readonly status: 'requires_action'; readonly reference: string; readonly actionUrl: string }
  | { readonly status: 'failed'; readonly failureCode: string }

export interface Charge {
  /** The payment's id: whatever repeats, the gateway charges once for it. */
  readonly idempotencyKey: string
  readonly amount: bigint
  readonly currency: string
  readonly paymentMethod: string
}

/** The port to whoever moves the money. */
export interface PaymentGateway {
  readonly name: string
  /** Whether it knows such a token. */
  accepts(paymentMethod: string): boolean
  /** May throw or never be heard of: the charge may have happened all the same, and `find` tells. */
  charge(charge: Charge): Promise<ChargeResult>
  /** What became of a charge; undefined: it never arrived. */
  find(idempotencyKey: string): Promise<ChargeResult | undefined>
}
