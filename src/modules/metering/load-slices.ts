import { type RawBuilder, sql } from 'kysely'
import type { Period } from '../../lib/period.ts'
import { sliceHours } from './hours.ts'

const fromHours = ({ start, end }: Period): RawBuilder<unknown> => sql`
  select hour, type, provider, model, user_id, events, failures, quantity, quantity_seconds, input_tokens, cached_input_tokens, cache_write_tokens,
    output_tokens, reasoning_tokens, duration_ms, cost, unpriced
  from usage_hours where hour >= ${start.toString()} and hour < ${end.toString()}`

const fromEvents = ({ start, end }: Period): RawBuilder<unknown> => sql`
  select date_trunc('hour', occurred_at, 'UTC'), type, coalesce(provider, ''), coalesce(model, ''), coalesce(user_id, ''), count(*),
    count(*) filter (where not success), sum(quantity),
    coalesce(sum(quantity * extract(epoch from occurred_at - date_trunc('hour', occurred_at, 'UTC'))) filter (where type = 'STORAGE_OPERATION'), 0),
    sum(input_tokens)::bigint, sum(cached_input_tokens)::bigint, sum(cache_write_tokens)::bigint, sum(output_tokens)::bigint,
    sum(reasoning_tokens)::bigint, coalesce(sum(duration_ms), 0)::bigint, coalesce(sum(cost), 0), count(*) filter (where cost is null)
  from usage_events where occurred_at >= ${start.toString()} and occurred_at < ${end.toString()}
  group by 1, 2, 3, 4, 5`

/**
 * The use of a period as rows of usage_hours' shape, to be selected from: whole hours from the roll-ups, the ends from the events. Exact to
 * the instant, at a cost that does not grow with the number of events. undefined: the period is empty.
 */
export const slicesOf = (period: Period): RawBuilder<unknown> | undefined => {
  const { hours, edges } = sliceHours(period)
  const parts = [...(hours ? [fromHours(hours)] : []), ...edges.map(fromEvents)]
  return parts.length === 0 ? undefined : sql.join(parts, sql` union all `)
}
