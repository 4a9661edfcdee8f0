import { hash } from 'node:crypto'
import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { type AppError, quotaExceeded } from '../../platform/errors.ts'
import { refusalOf } from './allowance.ts'
import type { HardLimits, UsageEvent } from './event.ts'
import { ingestEvents, laneOf } from './ingest-events.ts'
import { normaliseEvent } from './normalise.ts'
import type { PriceBooks } from './price-book-cache.ts'
import type { PriceBook } from './pricing/resolve.ts'
import { recordBatcher } from './record-batcher.ts'
import type { EventInput } from './schema.ts'
import { loadUse, storedCost } from './store.ts'

export interface UsageDeps {
  readonly db: Database
  readonly clock: Clock
  readonly ids: IdSource
  readonly prices: PriceBooks
  /** The hard limits of a tenant's current period; undefined for plans without a stop. */
  readonly limitsOf: (tenantId: string) => Promise<HardLimits | undefined>
}

export interface Recorded {
  readonly id: string
  readonly status: 'accepted' | 'duplicate'
  readonly cost: string | null
}

export interface BatchResult {
  readonly accepted: number
  readonly duplicates: number
  readonly unpriced: number
  readonly rejected: readonly { readonly index: number; readonly id: string; readonly code: string; readonly detail: string }[]
}

const QUOTA = 'the plan includes no more of this in the current period and stops there; upgrade, or wait for the next period'

export type UsageService = ReturnType<typeof usageService>

export const usageService = ({ db, clock, ids, prices, limitsOf }: UsageDeps) => {
  const ingest = ingestEvents({ db, clock, limitsOf })
  const recordTogether = recordBatcher(ingest, laneOf({ db, clock, limitsOf }))

  /**
   * A retry under one Idempotency-Key makes the same ids, so that it counts once even if the stored reply was lost. The event itself goes
   * in: a key that is used again, for another operation or after its day, must not swallow another event.
   */
  const minter = (inputs: readonly EventInput[], idempotencyKey: string | undefined) => (index: number) =>
    idempotencyKey === undefined
      ? ids.next('evt')
      : `evt_${hash('sha256', JSON.stringify([idempotencyKey, inputs.length, index, inputs[index]])).slice(0, 32)}`

  const normalise = (inputs: readonly EventInput[], idempotencyKey: string | undefined, book: PriceBook): UsageEvent[] => {
    const context = { now: clock.now(), book, mintId: minter(inputs, idempotencyKey) }
    return inputs.map((input, index) => normaliseEvent(input, index, context))
  }

  const refused = async (tenantId: string, event: UsageEvent): Promise<AppError> => {
    const limits = await limitsOf(tenantId)
    // The plan changed since: the next try is decided by the new one.
    if (!limits) return quotaExceeded('quota_exceeded', QUOTA, { retry_after: 1 })
    const used = await db.plane.inTenant(tenantId, (tx) => loadUse(tx, limits), { readOnly: true })
    return quotaExceeded('quota_exceeded', QUOTA, refusalOf(event, limits, used, clock.now()))
  }

  return {
    /** One event, durable when this answers. Throws 429 `quota_exceeded` where the plan stops. */
    async record(tenantId: string, input: EventInput, idempotencyKey?: string): Promise<Recorded> {
      const [event] = normalise([input], idempotencyKey, await prices.current())
      if (!event) throw new Error('one event in, one event out')
      const outcome = await recordTogether(tenantId, event)
      if (outcome === 'quota_exceeded') throw await refused(tenantId, event)
      const { id } = event
      if (outcome === 'accepted') return { id, status: outcome, cost: event.cost }
      // What counts is what was stored: a retry may be priced otherwise.
      return { id, status: outcome, cost: await db.plane.inTenant(tenantId, (tx) => storedCost(tx, id), { readOnly: true }) }
    },

    /** Up to 10,000 events in one commit. An event that is not valid refuses the whole batch; one beyond a hard stop only itself. */
    async batch(tenantId: string, inputs: readonly EventInput[], idempotencyKey?: string): Promise<BatchResult> {
      const events = normalise(inputs, idempotencyKey, await prices.current())
      const [outcomes = []] = await ingest([{ tenantId, events }])
      let accepted = 0
      let unpriced = 0
      const rejected: { index: number; id: string; code: string; detail: string }[] = []
      events.forEach(({ id, cost }, index) => {
        if (outcomes[index] === 'accepted') {
          accepted += 1
          if (cost === null) unpriced += 1
        } else if (outcomes[index] === 'quota_exceeded') rejected.push({ index, id, code: 'quota_exceeded', detail: QUOTA })
      })
      return { accepted, duplicates: events.length - accepted - rejected.length, unpriced, rejected }
    },
  }
}
