import type { TenantStatement } from '../../platform/db/database.ts'
import type { UsageEvent } from './event.ts'

const ARRAYS = [
  'text', // id
  'text', // type
  'text', // provider
  'text', // model
  'text', // user_id
  'timestamptz', // occurred_at
  'boolean', // success
  'numeric', // quantity
  'bigint', // input_tokens
  'bigint', // cached_input_tokens
  'bigint', // cache_write_tokens
  'bigint', // output_tokens
  'bigint', // reasoning_tokens
  'int', // duration_ms
  'numeric', // cost
  'jsonb', // attributes
] as const

const COLUMNS = `id, type, provider, model, user_id, occurred_at, success, quantity, input_tokens, cached_input_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, duration_ms, cost, attributes`

const SUMS = [
  'events',
  'failures',
  'timed',
  'quantity',
  'quantity_seconds',
  'input_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'duration_ms',
  'cost',
  'unpriced',
] as const

/**
 * Inserts events and adds exactly the new ones to the hourly roll-ups, in one statement: what the key holds back is in neither.
 * $1 tenant, $2 recorded_at, then one array a column. Answers with the ids that were new.
 * Rows are sent in order of id and roll-ups are touched in order of key, so that overlapping writers wait and never deadlock.
 */
const TEXT = `with new as (
  insert into usage_events (tenant_id, recorded_at, ${COLUMNS})
  select $1::text, $2::timestamptz, * from unnest(${ARRAYS.map((type, i) => `$${i + 3}::${type}[]`).join(', ')})
  on conflict (tenant_id, id) do nothing
  returning ${COLUMNS}
), added as (
  insert into usage_hours as h (tenant_id, hour, type, provider, model, user_id, ${SUMS.join(', ')})
  select $1, date_trunc('hour', occurred_at, 'UTC') as hour, type, coalesce(provider, ''), coalesce(model, ''), coalesce(user_id, ''),
    count(*), count(*) filter (where not success), count(duration_ms), sum(quantity),
    coalesce(sum(quantity * extract(epoch from occurred_at - date_trunc('hour', occurred_at, 'UTC'))) filter (where type = 'STORAGE_OPERATION'), 0),
    sum(input_tokens), sum(cached_input_tokens), sum(cache_write_tokens), sum(output_tokens), sum(reasoning_tokens),
    coalesce(sum(duration_ms), 0), coalesce(sum(cost), 0), count(*) filter (where cost is null)
  from new group by hour, type, 4, 5, 6 order by hour, type, 4, 5, 6
  on conflict (tenant_id, hour, type, provider, model, user_id) do update set
    ${SUMS.map((name) => `${name} = h.${name} + excluded.${name}`).join(', ')}
)
select case when count(*) = cardinality($3::text[]) then null else coalesce(array_agg(id), '{}') end as ids from new`

/** `ids` null: all of them were new, the usual case, which need not be told one by one. */
export interface Inserted {
  readonly ids: readonly string[] | null
}

const SAFE = /^[\w.:+-]+$/
const quote = (text: string): string =>
  SAFE.test(text) && text.toUpperCase() !== 'NULL' ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/**
 * A PostgreSQL array literal: built here, since the driver's own takes ten times as long for ten thousand. Of what nobody made up, numbers,
 * instants and names of types: it needs no quotes.
 */
const literal = (events: readonly UsageEvent[], value: (event: UsageEvent) => string | number | boolean | null): string => {
  let text = '{'
  for (const event of events) text += `${text.length > 1 ? ',' : ''}${value(event) ?? 'NULL'}`
  return `${text}}`
}

/** The same of texts that came from outside. */
const quoted = (events: readonly UsageEvent[], value: (event: UsageEvent) => string | null): string =>
  literal(events, (event) => {
    const text = value(event)
    return text === null ? null : quote(text)
  })

const byId = (a: UsageEvent, b: UsageEvent): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** The events in order of id, and of two with one id the first that was sent. */
export const distinct = (events: readonly UsageEvent[]): UsageEvent[] =>
  events.toSorted(byId).filter((event, i, all) => event.id !== all[i - 1]?.id)

/** `events` come from `distinct`. */
export const insertStatement = (
  tenantId: string,
  events: readonly UsageEvent[],
  recordedAt: Temporal.Instant,
): TenantStatement => ({
  tenantId,
  name: 'insert_usage',
  text: TEXT,
  values: [
    tenantId,
    recordedAt.toString(),
    quoted(events, ({ id }) => id),
    literal(events, ({ type }) => type),
    quoted(events, ({ provider }) => provider),
    quoted(events, ({ model }) => model),
    quoted(events, ({ userId }) => userId),
    literal(events, ({ occurredAt }) => occurredAt),
    literal(events, ({ success }) => success),
    literal(events, ({ quantity }) => quantity),
    literal(events, ({ inputTokens }) => inputTokens),
    literal(events, ({ cachedInputTokens }) => cachedInputTokens),
    literal(events, ({ cacheWriteTokens }) => cacheWriteTokens),
    literal(events, ({ outputTokens }) => outputTokens),
    literal(events, ({ reasoningTokens }) => reasoningTokens),
    literal(events, ({ durationMs }) => durationMs),
    literal(events, ({ cost }) => cost),
    quoted(events, ({ attributes }) => attributes),
  ],
})
