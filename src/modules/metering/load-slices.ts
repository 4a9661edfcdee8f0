import { type RawBuilder, sql } from 'kysely'
import type { Period } from '../../lib/period.ts'
import { sliceHours } from './hours.ts'

const fromHours = ({ start, end }: Period, divided: readonly Temporal.Instant[]): RawBuilder<unknown> => sql`
  select hour as at, hour, type, provider, model, user_id, events, failures, timed, quantity, quantity_seconds, input_tokens,
    cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, duration_ms, cost, unpriced
  from usage_hours where hour >= ${start.toString()} and hour < ${end.toString()}
    ${divided.length === 0 ? sql`` : sql`and hour <> all(${divided.map(String)}::timestamptz[])`}`

// Every column has its name: a period without a whole hour is made of these rows alone.
const fromEvents = (edges: readonly Period[]): RawBuilder<unknown> => sql`
  select greatest(edge.from_at, date_trunc('hour', occurred_at, 'UTC')) as at, date_trunc('hour', occurred_at, 'UTC') as hour, type,
    coalesce(provider, '') as provider, coalesce(model, '') as model, coalesce(user_id, '') as user_id, count(*) as events,
    count(*) filter (where not success) as failures, count(duration_ms) as timed, sum(quantity) as quantity,
    coalesce(sum(quantity * extract(epoch from occurred_at - date_trunc('hour', occurred_at, 'UTC'))) filter (where type = 'STORAGE_OPERATION'), 0) as quantity_seconds,
    sum(input_tokens)::bigint as input_tokens, sum(cached_input_tokens)::bigint as cached_input_tokens,
    sum(cache_write_tokens)::bigint as cache_write_tokens, sum(output_tokens)::bigint as output_tokens,
    sum(reasoning_tokens)::bigint as reasoning_tokens, coalesce(sum(duration_ms), 0)::bigint as duration_ms, coalesce(sum(cost), 0) as cost,
    count(*) filter (where cost is null) as unpriced
  from unnest(${edges.map(({ start }) => start.toString())}::timestamptz[], ${edges.map(({ end }) => end.toString())}::timestamptz[]) as edge (from_at, to_at)
    join usage_events on occurred_at >= edge.from_at and occurred_at < edge.to_at
  group by 1, 2, 3, 4, 5, 6`

/**
 * The use of a period as rows of usage_hours' shape, to be selected from: whole hours from the roll-ups, parts of hours from the events.
 * Exact to the instant, at a cost that does not grow with the number of events. No row reaches over one of `cuts`; `at` says on which side
 * it lies. undefined: the period is empty.
 */
export const slicesOf = (period: Period, cuts: readonly Temporal.Instant[] = []): RawBuilder<unknown> | undefined => {
  const { hours, divided, edges } = sliceHours(period, cuts)
  const parts = [...(hours ? [fromHours(hours, divided)] : []), ...(edges.length > 0 ? [fromEvents(edges)] : [])]
  return parts.length === 0 ? undefined : sql.join(parts, sql` union all `)
}
