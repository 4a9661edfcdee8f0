/** What the closing screen shows; amounts are minor units of one currency. */
export interface TenantResult {
  readonly name: string
  readonly plan: string
  readonly isolation: string
  readonly calls: number
  /** Calls that the plan stopped. */
  readonly refused: number
  readonly includedCalls: number
  readonly tokens: number
  readonly base: bigint
  readonly overage: bigint
  readonly passThrough: bigint
  readonly llmCost: bigint
}

export interface InvoiceResult {
  readonly number: string
  readonly tenant: string
  readonly lines: readonly { readonly description: string; readonly quantity: string; readonly amount: bigint }[]
  readonly tax: bigint
  readonly total: bigint
  /** How it was paid, in words. */
  readonly payment: string
}

export interface DemoResult {
  readonly currency: string
  /** What was metered, in words: generated, or which trace. */
  readonly source: readonly string[]
  readonly from: string
  readonly to: string
  readonly tenants: readonly TenantResult[]
  readonly invoices: readonly InvoiceResult[]
  readonly events: number
  readonly meteringSeconds: number
  readonly totalSeconds: number
  /** Undefined: the demo ends here. */
  readonly url: string | undefined
  readonly operatorKey: string
  readonly tenantKey: { readonly name: string; readonly id: string; readonly key: string }
}
