import type { Decimal12 } from '../../lib/decimal.ts'
import type { IdSource } from '../../lib/ids.ts'
import type { Period } from '../../lib/period.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import type { Outbox } from '../../platform/outbox/outbox.ts'

/** What a tenant used in a period. */
export interface PeriodUse {
  readonly apiCalls: Decimal12
  readonly computeHours: Decimal12
  /** Time-weighted mean over the period. */
  readonly storageGb: Decimal12
  /** US dollars × 10¹². */
  readonly llmCost: bigint
  /** Calls whose cost is not known yet. */
  readonly unpriced: bigint
}

export interface InvoicingDeps {
  readonly db: Database
  readonly clock: Clock
  readonly ids: IdSource
  readonly outbox: Outbox
  /** One answer for each period, in their order; reads the tenant plane. */
  totals(tenantId: string, periods: readonly Period[]): Promise<readonly PeriodUse[]>
  peakMembers(tx: ControlTx, tenantId: string, period: Period): Promise<number>
  /** The payment that may still take an invoice's money; asked of a module above, so it is passed in. */
  paymentUnderWay(tx: ControlTx, invoiceId: string): Promise<string | undefined>
}
