import { sql } from 'kysely'
import { formatDecimal } from '../../lib/decimal.ts'
import type { Database, TenantTx } from '../../platform/db/database.ts'
import type { Place } from '../../platform/db/place.ts'
import { costOfCall } from './model-use.ts'
import type { PriceBooks } from './price-book-cache.ts'
import type { PriceBook } from './pricing/resolve.ts'

const BATCH = 1_000

interface Unpriced {
  readonly tenant_id: string
  readonly id: string
  readonly provider: string | null
  readonly model: string
  readonly occurred_at: Temporal.Instant
  readonly input_tokens: bigint
  readonly cached_input_tokens: bigint
  readonly cache_write_tokens: bigint
  readonly output_tokens: bigint
  readonly reasoning_tokens: bigint
}

const costOf = (event: Unpriced, book: PriceBook): string | undefined => {
  const usage = {
    inputTokens: Number(event.input_tokens),
    cachedInputTokens: Number(event.cached_input_tokens),
    cacheWriteTokens: Number(event.cache_write_tokens),
    outputTokens: Number(event.output_tokens),
    reasoningTokens: Number(event.reasoning_tokens),
  }
  const cost = costOfCall(book, { provider: event.provider ?? undefined, model: event.model }, usage, event.occurred_at)
  return cost === undefined ? undefined : formatDecimal(cost)
}

/**
 * Prices these events and moves their cost into the roll-ups, in one statement: an event that was priced meanwhile is in
 * neither. The roll-ups are locked in order of key, as writers of new events do.
 */
const apply = async (tx: TenantTx, priced: readonly { tenantId: string; id: string; cost: string }[]): Promise<number> => {
  const { rows } = await sql<{ repriced: bigint }>`
    with given as (
      select * from unnest(${priced.map(({ tenantId }) => tenantId)}::text[], ${priced.map(({ id }) => id)}::text[],
        ${priced.map(({ cost }) => cost)}::numeric[]) as g (tenant_id, id, cost)
    ), done as (
      update usage_events e set cost = g.cost from given g
      where e.tenant_id = g.tenant_id and e.id = g.id and e.cost is null
      returning e.tenant_id, date_trunc('hour', e.occurred_at, 'UTC') as hour, e.type, coalesce(e.provider, '') as provider,
        coalesce(e.model, '') as model, coalesce(e.user_id, '') as user_id, e.cost
    ), sums as (
      select tenant_id, hour, type, provider, model, user_id, sum(cost) as cost, count(*) as events from done group by 1, 2, 3, 4, 5, 6
    ), locked as (
      select h.hour from usage_hours h join sums s using (tenant_id, hour, type, provider, model, user_id)
      order by tenant_id, hour, type, provider, model, user_id for update of h
    ), moved as (
      update usage_hours h set cost = h.cost + s.cost, unpriced = h.unpriced - s.events from sums s
      where (select count(*) from locked) > 0 and (h.tenant_id, h.hour, h.type, h.provider, h.model, h.user_id) = (s.tenant_id, s.hour, s.type, s.provider, s.model, s.user_id)
    ) select count(*) as repriced from done`.execute(tx)
  return Number(rows[0]?.repriced ?? 0)
}

const page = (tx: TenantTx, after: { tenant_id: string; id: string }): Promise<Unpriced[]> =>
  sql<Unpriced>`
    select tenant_id, id, provider, model, occurred_at, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens
    from usage_events where cost is null and (tenant_id, id) > (${after.tenant_id}, ${after.id})
    order by tenant_id, id limit ${BATCH}`
    .execute(tx)
    .then(({ rows }) => rows)

export interface RepriceDeps {
  readonly db: Database
  readonly prices: PriceBooks
  /** The shared place first, then every dedicated one. */
  readonly places: () => AsyncIterable<Place>
}

const repricePlace = async (db: Database, place: Place, book: PriceBook): Promise<number> => {
  let total = 0
  let after = { tenant_id: '', id: '' }
  for (;;) {
    const { unpriced, repriced } = await db.plane.asOperator('reprice unpriced usage', place, async (tx) => {
      const unpriced = await page(tx, after)
      const priced = unpriced.flatMap((event) => {
        const cost = costOf(event, book)
        return cost === undefined ? [] : [{ tenantId: event.tenant_id, id: event.id, cost }]
      })
      return { unpriced, repriced: priced.length > 0 ? await apply(tx, priced) : 0 }
    })
    total += repriced
    const last = unpriced.at(-1)
    if (!last || unpriced.length < BATCH) return total
    after = { tenant_id: last.tenant_id, id: last.id }
  }
}

/**
 * Prices what was recorded before its model had a price, over all tenants; each event once, whatever stops it in between. Returns how
 * many were repriced. What still has no price stays listed. A place that cannot be reached holds up no other; it is thrown at the end.
 */
export const repriceEvents =
  ({ db, prices, places }: RepriceDeps) =>
  async (): Promise<number> => {
    const book = await prices.latest()
    const failures: unknown[] = []
    let total = 0
    for await (const place of places())
      try {
        total += await repricePlace(db, place, book)
      } catch (error) {
        failures.push(error)
      }
    if (failures.length > 0)
      throw new AggregateError(failures, `usage could not be repriced in ${failures.length} places; it is tried again`)
    return total
  }
