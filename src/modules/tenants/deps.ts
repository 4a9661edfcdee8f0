import type { Logger } from 'pino'
import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Outbox } from '../../platform/outbox/outbox.ts'

export interface TenantsDeps {
  readonly db: Database
  readonly clock: Clock
  readonly ids: IdSource
  readonly outbox: Outbox
  readonly log: Logger
}

/** What building places needs besides: the owner's connection to the control database, and what clusters' connections are sealed with. */
export interface OwnerDeps {
  readonly ownerUrl: string
  readonly secret: string
}

/** How long an Idempotency-Key means the same request. */
export const IDEMPOTENCY_HOURS = 24
