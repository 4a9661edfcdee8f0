import type { Decimal12 } from '../../lib/decimal.ts'

export const TIERS = ['FREE', 'STARTER', 'PRO', 'BUSINESS', 'ENTERPRISE', 'CUSTOM'] as const
export type Tier = (typeof TIERS)[number]

/** What a plan includes an amount of and prices beyond it. */
export const METERS = ['compute_hours', 'api_calls', 'storage_gb', 'users'] as const
export type Meter = (typeof METERS)[number]
export type PerMeter<T> = Readonly<Record<Meter, T>>

/** How many units an overage price is for: 0.10 is the price of 1,000 API calls, of one hour, one GB, one user. */
export const PRICED_PER = { compute_hours: 1n, api_calls: 1_000n, storage_gb: 1n, users: 1n } as const satisfies PerMeter<bigint>

export const perMeter = <T>(value: (meter: Meter) => T): PerMeter<T> => ({
  compute_hours: value('compute_hours'),
  api_calls: value('api_calls'),
  storage_gb: value('storage_gb'),
  users: value('users'),
})

/** What is sold under a plan's name: a change of any of it is a new version. */
export interface PlanTerms {
  readonly currency: string
  /** Minor units a month. */
  readonly monthlyPrice: bigint
  /** A month's allowance. */
  readonly included: PerMeter<Decimal12>
  /** Major units per PRICED_PER; null: use beyond the allowance is not charged. */
  readonly overage: PerMeter<Decimal12 | null>
  /** Use beyond the allowance is refused. */
  readonly hardStop: boolean
  readonly apiCallsPerMinute: number
  readonly concurrentAgents: number
  readonly llmPassThrough: boolean
  /** Decimal text, '12.5' for 12.5 %. */
  readonly llmMarkupPercent: string
  readonly trialDays: number
}

export interface PlanVersion extends PlanTerms {
  readonly id: string
  readonly planCode: string
  readonly planName: string
  readonly tier: Tier
  /** Whose custom plan it is; null: offered to all. */
  readonly tenantId: string | null
  readonly archivedAt: Temporal.Instant | null
  /** Counts from 1. */
  readonly version: number
  readonly createdAt: Temporal.Instant
}

export interface Plan {
  readonly code: string
  readonly name: string
  readonly tier: Tier
  readonly tenantId: string | null
  readonly createdAt: Temporal.Instant
  readonly archivedAt: Temporal.Instant | null
  /** What is sold now. */
  readonly current: PlanVersion
}
