import { Type } from 'typebox'
import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { divRound } from '../../lib/money.ts'
import { unprocessable } from '../../platform/errors.ts'
import { pageOf } from '../../platform/http/page.ts'
import { routesOf } from '../../platform/http/route.ts'
import { CurrencyCode, Decimal, Instant, Nullable, PageOf, PageQuery, Strict, TimeZone } from '../../platform/http/schema.ts'
import { EVENT_TYPES } from './event.ts'
import type { ListedEvent } from './list-events.ts'
import { WINDOW_SECONDS } from './load-realtime.ts'
import { GROUPS, MAX_GROUPS, type Sums } from './load-summary.ts'
import type { UsageReads } from './read-service.ts'
import { EventType } from './schema.ts'

const route = routesOf<{ usageReads: UsageReads }>()
const tag = 'Usage'
const TenantParams = Strict({ tenant_id: Type.String({ minLength: 1, maxLength: 64 }) })
const Text = Type.String({ minLength: 1, maxLength: 200 })
const Count = Type.Integer({ minimum: 0 })

const SUMS = {
  events: Count,
  failures: Count,
  success_rate: Nullable(Type.String({ description: 'Share of events that succeeded, four decimals; null without events' })),
  input_tokens: Count,
  cached_input_tokens: Count,
  cache_write_tokens: Count,
  output_tokens: Count,
  reasoning_tokens: Count,
  cost: Decimal,
  unpriced_events: Count,
  mean_duration_ms: Nullable(Type.String({ description: 'Of the events that tell their duration' })),
}

const ratio = (part: bigint, whole: bigint, digits: number): string | null =>
  whole === 0n ? null : formatDecimal(divRound(part * 10n ** BigInt(digits), whole), digits, { minFraction: digits })

const sumsReply = (sums: Sums) => ({
  events: Number(sums.events),
  failures: Number(sums.failures),
  success_rate: ratio(sums.events - sums.failures, sums.events, 4),
  input_tokens: Number(sums.input_tokens),
  cached_input_tokens: Number(sums.cached_input_tokens),
  cache_write_tokens: Number(sums.cache_write_tokens),
  output_tokens: Number(sums.output_tokens),
  reasoning_tokens: Number(sums.reasoning_tokens),
  cost: sums.cost,
  unpriced_events: Number(sums.unpriced),
  mean_duration_ms: ratio(sums.duration_ms, sums.timed, 2),
})

const EventTypes = new Map(EVENT_TYPES.map((type) => [String(type), type]))

/** Cost of the window ÷ its minutes, rounded once to 10⁻¹². */
const perMinute = (cost: string): string => formatDecimal(divRound(parseDecimal(cost) * 60n, BigInt(WINDOW_SECONDS)))

const zoneOf = (name: string | undefined): string => {
  try {
    return name === undefined ? 'UTC' : Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId
  } catch {
    throw unprocessable('time_zone_unknown', `'${name}' is not an IANA time zone; send one such as Europe/Berlin`)
  }
}

const monthStart = (now: Temporal.Instant): Temporal.Instant =>
  now.toZonedDateTimeISO('UTC').with({ day: 1 }).startOfDay().toInstant()

const EventReply = Strict({
  id: Type.String(),
  type: EventType,
  provider: Nullable(Type.String()),
  model: Nullable(Type.String()),
  user_id: Nullable(Type.String()),
  occurred_at: Instant,
  recorded_at: Instant,
  success: Type.Boolean(),
  quantity: Decimal,
  input_tokens: Count,
  cached_input_tokens: Count,
  cache_write_tokens: Count,
  output_tokens: Count,
  reasoning_tokens: Count,
  duration_ms: Nullable(Count),
  cost: Nullable(Decimal),
  attributes: Nullable(Type.Record(Type.String(), Type.Unknown())),
})

const eventReply = (event: ListedEvent) => ({
  ...event,
  type: EventTypes.get(event.type) ?? 'API_CALL',
  occurred_at: event.occurred_at.toString(),
  recorded_at: event.recorded_at.toString(),
  input_tokens: Number(event.input_tokens),
  cached_input_tokens: Number(event.cached_input_tokens),
  cache_write_tokens: Number(event.cache_write_tokens),
  output_tokens: Number(event.output_tokens),
  reasoning_tokens: Number(event.reasoning_tokens),
  attributes: typeof event.attributes === 'object' && event.attributes !== null ? { ...event.attributes } : null,
})

export const usageReadRoutes = [
  route.steps({
    method: 'GET',
    path: '/usage/{tenant_id}/summary',
    id: 'getUsageSummary',
    tag,
    access: 'both',
    scope: 'usage:read',
    tenant: 'params.tenant_id',
    summary: 'Sums over any period, exact to the instant',
    description: `Half-open: from counts, to does not; this month so far unless told. Costs the same over ten thousand events and ten million. At most ${MAX_GROUPS} groups, the dearest first; hours (of UTC), days and months (of time_zone) in their order.`,
    params: TenantParams,
    query: Strict({
      from: Type.Optional(Instant),
      to: Type.Optional(Instant),
      type: Type.Optional(EventType),
      group_by: Type.Optional(Type.Enum(GROUPS)),
      time_zone: Type.Optional(TimeZone),
    }),
    reply: Strict({
      from: Instant,
      to: Instant,
      currency: CurrencyCode,
      ...SUMS,
      groups: Type.Array(Strict({ value: Nullable(Type.String()), ...SUMS })),
      truncated: Type.Boolean(),
    }),
    errors: { range_invalid: 'from is not before to, or too far', time_zone_unknown: 'no such IANA zone' },
    handle: async ({ params, query, now }, { usageReads }) => {
      const start = query.from === undefined ? monthStart(now) : Temporal.Instant.from(query.from)
      const end = query.to === undefined ? now : Temporal.Instant.from(query.to)
      const { total, groups, truncated } = await usageReads.summary(params.tenant_id, {
        start,
        end,
        type: query.type,
        groupBy: query.group_by,
        timeZone: zoneOf(query.time_zone),
      })
      return {
        from: start.toString(),
        to: end.toString(),
        currency: 'USD',
        ...sumsReply(total),
        groups: groups.map((group) => ({ value: group.value, ...sumsReply(group) })),
        truncated,
      }
    },
  }),
  route.steps({
    method: 'GET',
    path: '/usage/{tenant_id}/realtime',
    id: 'getUsageRealtime',
    tag,
    access: 'both',
    scope: 'usage:read',
    tenant: 'params.tenant_id',
    summary: 'The last five minutes',
    description:
      'By when events occurred, up to as_of and that instant included. Rates are per second or minute of the whole window.',
    params: TenantParams,
    reply: Strict({
      window_seconds: Type.Integer(),
      as_of: Instant,
      events: Count,
      events_per_second: Type.String(),
      success_rate: SUMS.success_rate,
      mean_duration_ms: Nullable(Type.Number({ description: 'Of the events that tell their duration' })),
      p95_duration_ms: Nullable(
        Type.Number({
          description:
            'Of the events that tell their duration, exact and interpolated linearly between neighbours (percentile_cont of PostgreSQL)',
        }),
      ),
      cost_per_minute: Decimal,
      tokens_per_second: Type.String(),
    }),
    handle: async ({ params, now }, { usageReads }) => {
      const live = await usageReads.realtime(params.tenant_id, now)
      const window = BigInt(WINDOW_SECONDS)
      return {
        window_seconds: WINDOW_SECONDS,
        as_of: now.toString(),
        events: Number(live.events),
        events_per_second: ratio(live.events, window, 3) ?? '0',
        success_rate: ratio(live.events - live.failures, live.events, 4),
        mean_duration_ms: live.mean_duration_ms,
        p95_duration_ms: live.p95_duration_ms,
        cost_per_minute: perMinute(live.cost),
        tokens_per_second: ratio(live.tokens, window, 3) ?? '0',
      }
    },
  }),
  route.steps({
    method: 'GET',
    path: '/usage/{tenant_id}/events',
    id: 'listUsageEvents',
    tag,
    access: 'both',
    scope: 'usage:read',
    tenant: 'params.tenant_id',
    summary: 'List events, the latest first',
    description: 'With unpriced=true: what waits for the price of its model.',
    params: TenantParams,
    query: Strict({
      ...PageQuery,
      type: Type.Optional(EventType),
      provider: Type.Optional(Text),
      model: Type.Optional(Text),
      user_id: Type.Optional(Text),
      from: Type.Optional(Instant),
      to: Type.Optional(Instant),
      unpriced: Type.Optional(Type.Boolean()),
    }),
    reply: PageOf(EventReply),
    handle: async ({ params, query }, { usageReads }) => {
      const { user_id, from, to, limit, cursor, ...rest } = query
      const filter = {
        ...rest,
        userId: user_id,
        from: from === undefined ? undefined : Temporal.Instant.from(from),
        to: to === undefined ? undefined : Temporal.Instant.from(to),
      }
      const { data, nextCursor } = await pageOf(
        { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) },
        (page) => usageReads.events(params.tenant_id, { ...filter, ...page }),
        ({ occurred_at, id }) => ({ at: occurred_at, id }),
      )
      return { data: data.map(eventReply), next_cursor: nextCursor }
    },
  }),
]
