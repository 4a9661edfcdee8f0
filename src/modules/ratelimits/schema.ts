import { type Static, Type } from 'typebox'
import { Id, Instant, Name, Named, Nullable, Strict, TimeZone } from '../../platform/http/schema.ts'
import { TIERS } from '../catalog/index.ts'
import { LIMIT_SCOPES, MODES, ON_UNAVAILABLE } from './limit.ts'
import { DAYS } from './timetable.ts'

const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Milliseconds = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const CALENDAR_UNITS = ['minute', 'hour', 'day', 'week', 'month'] as const
const Money = Type.String({
  pattern: '^[0-9]{1,15}(\\.[0-9]{1,12})?$',
  description: 'Decimal in major units',
  examples: ['12.50'],
})

const Anchor = Type.Union(
  [Type.Literal('epoch'), Type.Literal('first_use'), Strict({ unit: Type.Enum([...CALENDAR_UNITS]), time_zone: TimeZone })],
  {
    description:
      "Where windows begin: with the epoch, a key's first use, or a unit of a time zone's calendar, which needs no window_ms",
  },
)

export const PolicyBody = Named(
  'RateLimitPolicy',
  Type.Union([
    Strict({
      algorithm: Type.Literal('FIXED_WINDOW'),
      limit: Whole,
      window_ms: Type.Optional(Milliseconds),
      anchor: Type.Optional(Anchor),
    }),
    Strict({
      algorithm: Type.Literal('SLIDING_WINDOW'),
      limit: Whole,
      window_ms: Milliseconds,
      buckets: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000, description: '10 to 60; 20 unless told' })),
      approximate: Type.Optional(Type.Boolean({ description: 'Two counters, which may let nearly twice the limit through' })),
    }),
    Strict({
      algorithm: Type.Literal('TOKEN_BUCKET'),
      capacity: Whole,
      refill: Strict({ tokens: Whole, per_ms: Milliseconds }),
      mode: Type.Optional(Type.Enum(['even', 'interval'])),
    }),
    Strict({
      algorithm: Type.Literal('LEAKY_BUCKET'),
      capacity: Whole,
      leak: Strict({ amount: Whole, per_ms: Milliseconds }),
      mode: Type.Optional(Type.Enum(['meter', 'shaper'])),
    }),
    Strict({
      algorithm: Type.Literal('COST_BASED'),
      limit: Money,
      window_ms: Type.Optional(Milliseconds),
      anchor: Type.Optional(Anchor),
    }),
  ]),
)
export type StatedPolicy = Static<typeof PolicyBody>

const AdaptiveBody = Named(
  'AdaptiveRateLimitPolicy',
  Strict(
    {
      algorithm: Type.Literal('ADAPTIVE'),
      base: Whole,
      minimum: Whole,
      maximum: Whole,
      adjustment_factor: Type.Optional(
        Type.Number({ minimum: 0, maximum: 1, description: 'The most that one change moves; 0.1 unless told' }),
      ),
      cooldown_ms: Type.Optional(
        Type.Integer({ minimum: 1_000, maximum: 86_400_000, description: 'Between two changes; 30,000 unless told' }),
      ),
      timeout_ms: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 86_400_000, description: 'A latency from here on is a timeout' }),
      ),
      easy_ms: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 86_400_000,
          description: 'The latency of the system at ease; the first that is seen unless told',
        }),
      ),
      over: Type.Union([
        Strict({
          algorithm: Type.Literal('FIXED_WINDOW'),
          window_ms: Type.Optional(Milliseconds),
          anchor: Type.Optional(Anchor),
        }),
        Strict({
          algorithm: Type.Literal('SLIDING_WINDOW'),
          window_ms: Milliseconds,
          buckets: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000 })),
          approximate: Type.Optional(Type.Boolean()),
        }),
      ]),
    },
    {
      description:
        'A window whose limit follows the load: cut under stress, raised under healthy demand, by what checks ask and by the outcomes that they tell in observed',
    },
  ),
)
export const LimitPolicyBody = Type.Union([PolicyBody, AdaptiveBody])
export type StatedLimitPolicy = Static<typeof LimitPolicyBody>

const Pattern = Type.String({ minLength: 1, maxLength: 200, description: '* is any text', examples: ['POST /v1/*'] })
const Patterns = Type.Array(Pattern, { maxItems: 50, uniqueItems: true })

const TimeOfDay = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', examples: ['09:00'] })
const HoursBody = Strict(
  {
    time_zone: TimeZone,
    days: Type.Optional(
      Type.Array(Type.Enum([...DAYS]), {
        minItems: 1,
        maxItems: DAYS.length,
        uniqueItems: true,
        description: 'On which the hours begin; all unless told',
      }),
    ),
    from: Type.Optional(TimeOfDay),
    to: Type.Optional(TimeOfDay),
  },
  { description: 'As the clocks of the time zone show it; to is not itself included, and before from it is of the day after' },
)
const SpanBody = Named(
  'RateLimitSpan',
  Strict({ starts_at: Type.Optional(Instant), ends_at: Type.Optional(Instant), hours: Type.Optional(HoursBody) }),
)
export type StatedSpan = Static<typeof SpanBody>
export const ScheduleBody = Type.Array(SpanBody, {
  maxItems: 20,
  description: 'When it holds, to the second: all that a span tells must be so, and one span is enough; none: always',
})

const MatchBody = Strict(
  {
    tenant_id: Type.Optional(Id('tnt')),
    tier: Type.Optional(Type.Enum([...TIERS])),
    user_id: Type.Optional(Pattern),
    endpoint: Type.Optional(Pattern),
    resource: Type.Optional(Pattern),
    schedule: Type.Optional({ ...ScheduleBody, minItems: 1 }),
  },
  {
    description:
      'All that is given must fit. A tenant is nearer than its tier, that than a pattern, and that than a schedule; the nearest override counts',
  },
)
export const OverrideBody = Named('RateLimitOverride', Strict({ match: MatchBody, policy: Nullable(PolicyBody) }))
export type StatedOverride = Static<typeof OverrideBody>

const Scopes = Type.Array(Type.Enum([...LIMIT_SCOPES]), {
  minItems: 1,
  maxItems: LIMIT_SCOPES.length,
  uniqueItems: true,
  description: 'What is counted apart, in any combination; GLOBAL, which stands alone, has one count for all',
})

export const ReserveBody = Named(
  'RateLimitReserve',
  Strict({
    min_priority: Type.Integer({ minimum: 1, maximum: 100 }),
    percent: Type.Integer({ minimum: 1, maximum: 100, description: 'Of the number that the policy allows, rounded up together' }),
  }),
)
export type StatedReserve = Static<typeof ReserveBody>

const TERMS = {
  name: Name,
  scopes: Scopes,
  policy: LimitPolicyBody,
  overrides: Type.Array(OverrideBody, { maxItems: 200 }),
  endpoints: Patterns,
  resources: Patterns,
  schedule: ScheduleBody,
  reserved: Type.Array(ReserveBody, {
    maxItems: 10,
    description:
      'Shares kept for requests of a priority and higher ones: others are refused once what remains is within. Of 100 at most together, and not of money',
  }),
  priority: Type.Integer({ minimum: -1_000, maximum: 1_000, description: 'The higher one is told first' }),
  mode: Type.Enum([...MODES]),
  on_unavailable: Type.Enum([...ON_UNAVAILABLE]),
  leased: Type.Boolean({
    description:
      'Servers that count together take blocks of it up front, a fiftieth of its number at most, and serve them from memory: for a limit that every request meets, GLOBAL above all. Never passed; while others hold blocks, a server may refuse that much early. Not with reserved or overrides that have a policy',
  }),
}

export const CreateBody = Strict({
  ...TERMS,
  overrides: Type.Optional(TERMS.overrides),
  endpoints: Type.Optional(TERMS.endpoints),
  resources: Type.Optional(TERMS.resources),
  schedule: Type.Optional(TERMS.schedule),
  reserved: Type.Optional(TERMS.reserved),
  priority: Type.Optional(TERMS.priority),
  mode: Type.Optional(TERMS.mode),
  on_unavailable: Type.Optional(TERMS.on_unavailable),
  leased: Type.Optional(TERMS.leased),
})
export const ChangeBody = Strict({
  ...CreateBody.properties,
  name: Type.Optional(TERMS.name),
  scopes: Type.Optional(TERMS.scopes),
  policy: Type.Optional(TERMS.policy),
})

export const LimitParams = Strict({ id: Id('rl') })
export const VersionReply = Named('RateLimitVersion', Strict({ ...TERMS, version: Type.Integer(), created_at: Instant }))
const LIMIT = {
  id: Id('rl'),
  ...TERMS,
  level: Nullable(Type.Integer({ description: 'Of an ADAPTIVE policy: what it allows now; null: its base, or it is none' })),
  version: Type.Integer({ description: 'Counts from 1; every change makes a new one' }),
  created_at: Instant,
  changed_at: Instant,
  archived_at: Nullable(Instant),
}
export const LimitReply = Named('RateLimit', Strict(LIMIT))
export const LimitDetailReply = Strict({ ...LIMIT, versions: Type.Array(VersionReply) })
