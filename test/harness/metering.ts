import {
  type HardLimits,
  type PriceBooks,
  priceBooks,
  type UsageService,
  usageService,
} from '../../src/modules/metering/index.ts'
import type { EventInput } from '../../src/modules/metering/schema.ts'
import { type Clock, settableClock } from '../../src/platform/clock.ts'
import { withOwner } from '../../src/platform/db/migrate.ts'
import { SHARED_SCHEMA } from '../../src/platform/db/place.ts'
import { realIds } from '../../src/platform/system-ids.ts'
import { silent, type TestDatabase } from './database.ts'

export interface Meter {
  readonly usage: UsageService
  readonly prices: PriceBooks
}

/** The usage service over a test database; `limits` are the hard limits of tenants that have them. */
export const meterOf = (
  { db }: Pick<TestDatabase, 'db'>,
  { limits = {}, clock = settableClock('2026-03-01T12:00:00Z') }: { limits?: Record<string, HardLimits>; clock?: Clock } = {},
): Meter => {
  const prices = priceBooks({ db, log: silent })
  return { prices, usage: usageService({ db, clock, ids: realIds(), prices, limitsOf: async (id) => limits[id] }) }
}

export const completion = (id: string, more: Partial<EventInput> = {}): EventInput => ({
  id,
  type: 'LLM_COMPLETION',
  model: 'gpt-4',
  provider: 'openai',
  occurred_at: '2026-03-01T10:20:30Z',
  input_tokens: 100,
  output_tokens: 10,
  ...more,
})

/** What the owner, whom row security does not hold, finds in the shared plane. */
export const asOwner = <R extends object>({ ownerUrl }: TestDatabase, text: string, values: unknown[] = []): Promise<R[]> =>
  withOwner(ownerUrl, async (owner) => {
    await owner.query(`set search_path to ${SHARED_SCHEMA}`)
    return (await owner.query<R>(text, values)).rows
  })

const SUMS = `count(*)::text as events, count(*) filter (where not success)::text as failures, count(duration_ms)::text as timed, sum(quantity) as quantity,
  sum(input_tokens)::text as input_tokens, sum(cached_input_tokens)::text as cached, sum(cache_write_tokens)::text as written,
  sum(output_tokens)::text as output_tokens, sum(reasoning_tokens)::text as reasoning, coalesce(sum(duration_ms), 0)::text as duration_ms,
  coalesce(sum(cost), 0)::numeric(38,12) as cost, count(*) filter (where cost is null)::text as unpriced,
  coalesce(sum(quantity * extract(epoch from occurred_at - date_trunc('hour', occurred_at, 'UTC'))) filter (where type = 'STORAGE_OPERATION'), 0)::numeric(56,18) as quantity_seconds`

/** The roll-ups, and the same summed again from the events. */
export const rollUps = async (database: TestDatabase) => {
  const key = `date_trunc('hour', occurred_at, 'UTC')`
  return {
    stored: await asOwner(
      database,
      `select tenant_id, hour::text, type, provider, model, user_id, events::text, failures::text, timed::text, quantity, input_tokens::text,
        cached_input_tokens::text as cached, cache_write_tokens::text as written, output_tokens::text, reasoning_tokens::text as reasoning,
        duration_ms::text, cost, unpriced::text, quantity_seconds
      from usage_hours order by 1, 2, 3, 4, 5, 6`,
    ),
    recounted: await asOwner(
      database,
      `select tenant_id, ${key}::text as hour, type, coalesce(provider, '') as provider, coalesce(model, '') as model,
        coalesce(user_id, '') as user_id, ${SUMS}
      from usage_events group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6`,
    ),
  }
}
