import type { Decimal12 } from '../../lib/decimal.ts'
import type { IdSource } from '../../lib/ids.ts'
import type { Period } from '../../lib/period.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { Outbox } from '../../platform/outbox/outbox.ts'

/** What a tenant used in a period. */
export interface UsageTotals {
  readonly apiCalls: Decimal12
  readonly computeHours: Decimal12
  /** Time-weighted mean over the period. */
  readonly storageGb: Decimal12
  /** US dollars × 10¹². */
  readonly llmCost: bigint
  readonly events: bigint
}

export interface SubscriptionDeps {
  readonly clock: Clock
  readonly ids: IdSource
  readonly outbox: Outbox
  findTenant(tx: ControlTx, id: string): Promise<{ readonly status: string; readonly timeZone: string } | undefined>
  peakMembers(tx: ControlTx, tenantId: string, period: Period): Promise<number>
  /** One answer for each period, in their order; reads the tenant plane. */
  totals(tenantId: string, periods: readonly Period[]): Promise<readonly UsageTotals[]>
  /** When the newest event of a tenant occurred; reads the tenant plane. */
  lastEventAt(tenantId: string): Promise<Temporal.Instant | undefined>
}
