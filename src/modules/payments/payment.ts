export const STATUSES = ['processing', 'requires_action', 'succeeded', 'failed'] as const
export type PaymentStatus = (typeof STATUSES)[number]

/** An action may be asked for anew; what is settled stays. */
const NEXT = {
  processing: ['requires_action', 'succeeded', 'failed'],
  requires_action: ['requires_action', 'succeeded', 'failed'],
  succeeded: [],
  failed: [],
} as const satisfies Record<PaymentStatus, readonly PaymentStatus[]>

export const canMove = (from: PaymentStatus, to: PaymentStatus): boolean => NEXT[from].some((next: PaymentStatus) => next === to)

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
  /** The gateway's, or one of `GivenUp`. */
  readonly failureCode: string | null
  /** Where the payer confirms, while that is asked for. */
  readonly actionUrl: string | null
  /** When a job asks the gateway what became of it; null: settled. */
  readonly resolveAt: Temporal.Instant | null
  readonly createdAt: Temporal.Instant
  /** When the payer last tried, or the gateway last said something new. */
  readonly updatedAt: Temporal.Instant
}

/** Why we gave a charge up: it never arrived at the gateway, or its payer did not come to confirm. */
export type GivenUp = 'not_received' | 'action_expired'

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

/** The port to whoever moves the money. Any question may throw or outlast its signal; whatever it was may have happened all the same. */
export interface PaymentGateway {
  readonly name: string
  /** Whether it knows such a token. */
  accepts(paymentMethod: string): boolean
  /** Asked again, it says the same; only while the payer is to act may another payment method take the first one's place. */
  charge(charge: Charge, signal: AbortSignal): Promise<ChargeResult>
  /** What became of a charge; undefined: it has not arrived. */
  find(idempotencyKey: string, signal: AbortSignal): Promise<ChargeResult | undefined>
  /**
   * Gives a charge up, so that nothing is taken under its key any more, not even by one that is still on its way. Answers what became of it:
   * what was settled before stays.
   */
  cancel(idempotencyKey: string, why: GivenUp, signal: AbortSignal): Promise<ChargeResult>
}
