import { sql } from 'kysely'
import type { Database, TenantTx } from '../../platform/db/database.ts'
import type { Place } from '../../platform/db/place.ts'

/** A model that was used and has no price, over all tenants. */
export interface UnpricedModel {
  readonly provider: string | null
  readonly model: string
  readonly events: bigint
  readonly tenants: bigint
  readonly first_seen: Temporal.Instant
  readonly last_seen: Temporal.Instant
}

/** Senders name models as they like: a list without a bound could be made to grow for ever. */
export const MAX_UNPRICED = 1_000

/** From the index of unpriced events alone: those that have their cost are not read. */
const loadUnpriced = (tx: TenantTx): Promise<UnpricedModel[]> =>
  sql<UnpricedModel>`
    select provider, model, count(*) as events, count(distinct tenant_id) as tenants, min(occurred_at) as first_seen, max(occurred_at) as last_seen
    from usage_events where cost is null group by provider, model order by count(*) desc, provider, model limit ${MAX_UNPRICED}`
    .execute(tx)
    .then(({ rows }) => rows)

const merge = (a: UnpricedModel, b: UnpricedModel): UnpricedModel => ({
  ...a,
  events: a.events + b.events,
  tenants: a.tenants + b.tenants, // a tenant lives in one place
  first_seen: Temporal.Instant.compare(a.first_seen, b.first_seen) < 0 ? a.first_seen : b.first_seen,
  last_seen: Temporal.Instant.compare(a.last_seen, b.last_seen) > 0 ? a.last_seen : b.last_seen,
})

export interface UnpricedDeps {
  readonly db: Database
  /** The shared place first, then every dedicated one. */
  readonly places: () => AsyncIterable<Place>
}

/** Which models wait for a price in all places, the most used first. */
export const unpricedModels =
  ({ db, places }: UnpricedDeps) =>
  async (): Promise<UnpricedModel[]> => {
    const found = new Map<string, UnpricedModel>()
    for await (const place of places())
      for (const row of await db.plane.asOperator('list unpriced models', place, loadUnpriced)) {
        const key = JSON.stringify([row.provider, row.model])
        const known = found.get(key)
        found.set(key, known ? merge(known, row) : row)
      }
    return [...found.values()].sort((a, b) => Number(b.events - a.events)).slice(0, MAX_UNPRICED)
  }
