import type { Clock } from '../clock.ts'
import type { ControlTx } from '../db/database.ts'

export interface OutboxEvent {
  /** What happened, in the past tense: `subscription.created`. */
  readonly type: string
  readonly tenantId: string | null
  readonly payload: Readonly<Record<string, unknown>>
}

export interface DeliveredEvent extends OutboxEvent {
  readonly id: string
  readonly createdAt: Temporal.Instant
}

/** At least once, in order for one tenant: a subscriber must do nothing the second time. */
export type Subscriber = (event: DeliveredEvent) => Promise<void>

export interface Outbox {
  /** Writes the event with its cause; it is delivered after the commit, whatever happens in between. */
  add(tx: ControlTx, event: OutboxEvent): Promise<void>
}

export interface OutboxDeps {
  readonly clock: Clock
  readonly ids: { next(prefix: 'obx'): string }
  /** Called after an event was written, so that the relay need not wait for its next look. */
  readonly nudge?: () => void
}

export const outboxWriter = ({ clock, ids, nudge }: OutboxDeps): Outbox => ({
  async add(tx, { type, tenantId, payload }) {
    const row = { id: ids.next('obx'), tenant_id: tenantId, type, payload: JSON.stringify(payload), created_at: clock.now() }
    await tx.insertInto('outbox').values(row).execute()
    nudge?.()
  },
})
