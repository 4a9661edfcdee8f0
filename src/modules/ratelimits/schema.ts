import { type Static, Type } from 'typebox'
import { Decimal, Id, Instant, Name, Named, Nullable, Strict, TimeZone } from '../../platform/http/schema.ts'
import { TIERS } from '../catalog/index.ts'
import { REASONS } from './explanation.ts'
import { LIMIT_SCOPES, MODES, ON_UNAVAILABLE } from './limit.ts'

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

const Text = Type.String({ minLength: 1, maxLength: 200 })
const Pattern = Type.String({ minLength: 1, maxLength: 200, description: '* is any text', examples: ['POST /v1/*'] })
const Patterns = Type.Array(Pattern, { maxItems: 50, uniqueItems: true })

const MatchBody = Strict(
  {
    tenant_id: Type.Optional(Id('tnt')),
    tier: Type.Optional(Type.Enum([...TIERS])),
    user_id: Type.Optional(Pattern),
    endpoint: Type.Optional(Pattern),
    resource: Type.Optional(Pattern),
  },
  {
    description:
      'All that is given must fit. A tenant is nearer than its tier, and that than a pattern; the nearest override counts',
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

const TERMS = {
  name: Name,
  scopes: Scopes,
  policy: PolicyBody,
  overrides: Type.Array(OverrideBody, { maxItems: 200 }),
  endpoints: Patterns,
  resources: Patterns,
  priority: Type.Integer({ minimum: -1_000, maximum: 1_000, description: 'The higher one is told first' }),
  mode: Type.Enum([...MODES]),
  on_unavailable: Type.Enum([...ON_UNAVAILABLE]),
}

export const CreateBody = Strict({
  ...TERMS,
  overrides: Type.Optional(TERMS.overrides),
  endpoints: Type.Optional(TERMS.endpoints),
  resources: Type.Optional(TERMS.resources),
  priority: Type.Optional(TERMS.priority),
  mode: Type.Optional(TERMS.mode),
  on_unavailable: Type.Optional(TERMS.on_unavailable),
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
  version: Type.Integer({ description: 'Counts from 1; every change makes a new one' }),
  created_at: Instant,
  changed_at: Instant,
  archived_at: Nullable(Instant),
}
export const LimitReply = Named('RateLimit', Strict(LIMIT))
export const LimitDetailReply = Strict({ ...LIMIT, versions: Type.Array(VersionReply) })

const SUBJECT = {
  user_id: Type.Optional(Text),
  ip: Type.Optional(Type.String({ minLength: 1, maxLength: 64, examples: ['2001:db8::1'] })),
  endpoint: Type.Optional(Text),
  resource: Type.Optional(Text),
}
const SubjectTenant = Type.Optional(
  Type.String({ minLength: 1, maxLength: 64, description: 'For operator keys: whose request it is' }),
)
const Cost = Type.Optional(
  Type.Integer({ minimum: 0, maximum: 2 ** 52, description: "In the limit's own unit; 1 unless told, 0 only looks" }),
)
const Spend = Type.Optional(
  Type.String({
    pattern: '^[0-9]{1,4}(\\.[0-9]{1,12})?$',
    description: 'What it costs, for limits of spend',
    examples: ['0.0375'],
  }),
)
const CHECK = {
  tenant_id: SubjectTenant,
  ...SUBJECT,
  cost: Cost,
  amount: Spend,
  peek: Type.Optional(Type.Boolean({ description: 'Only tells how things stand' })),
  dry_run: Type.Optional(Type.Boolean({ description: 'Decides, and takes nothing' })),
  explain: Type.Optional(
    Type.Boolean({
      description:
        'Tells of each limit why it counts the request or does not; with peek also of named ones that are archived or lack something of the subject',
    }),
  ),
}
export const CheckBody = Strict(CHECK)
export const CheckManyBody = Strict({
  ...CHECK,
  limits: Type.Optional(
    Type.Array(Strict({ limit_id: Id('rl'), cost: Cost, amount: Spend }), {
      minItems: 1,
      maxItems: 50,
      description: 'Which, each with a cost of its own where it has one; all that apply, unless told',
    }),
  ),
})
export const SubjectBody = Strict({ tenant_id: SubjectTenant, ...SUBJECT })
export const SubjectQuery = Strict({ tenant_id: SubjectTenant, ...SUBJECT })

const Amount = Type.Union([Type.Integer(), Decimal], { description: 'A whole number; of money, a decimal' })
const ANSWER = {
  limit_id: Id('rl'),
  name: Name,
  version: Type.Integer(),
  key: Type.String({ description: 'Which of its counts' }),
  mode: Type.Enum([...MODES]),
  allowed: Type.Boolean({ description: 'A limit in shadow mode allows everything' }),
  would_refuse: Type.Boolean({ description: 'What the limit says, whether or not its mode lets it refuse' }),
  limit: Amount,
  remaining: Amount,
  reset_ms: Type.Integer({ description: 'Until the key is as if never used' }),
  retry_after_ms: Nullable(Type.Integer({ description: 'null: it fits, or never will' })),
  delay_ms: Type.Integer({ description: 'Of a shaper: how long the request is to wait' }),
  degraded: Type.Boolean({ description: 'The counts could not be reached; on_unavailable answered' }),
}
const AnswerReply = Named('RateLimitAnswer', Strict(ANSWER))
const ExplanationReply = Named(
  'RateLimitExplanation',
  Strict({
    tier: Nullable(Type.Enum([...TIERS], { description: 'null: none, or no override asks for it' })),
    limits: Type.Array(
      Strict({
        limit_id: Id('rl'),
        name: Name,
        version: Type.Integer(),
        reason: Type.Enum([...REASONS]),
        missing: Type.Array(Type.String(), { description: 'What the limit counts by and the request does not tell' }),
        key: Nullable(Type.String()),
        overrides: Type.Array(Type.Integer(), {
          description: 'Places in overrides of those that match; the first is the nearest, and counts',
        }),
        policy: Nullable(PolicyBody),
      }),
    ),
  }),
)
export const CheckReply = Strict({
  allowed: Type.Boolean(),
  refused_by: Nullable(Id('rl')),
  retry_after_ms: Nullable(Type.Integer({ description: 'Until all limits would allow it; null: they do, or one never will' })),
  delay_ms: Type.Integer(),
  limits: Type.Array(AnswerReply),
  explanation: Type.Optional(ExplanationReply),
})
export const UsageReply = Strict({ ...ANSWER, used: Nullable(Amount) })
export const ResetReply = Strict({ limit_id: Id('rl'), key: Type.String() })
