import { Type } from 'typebox'
import { Decimal, Id, Instant, Name, Named, Nullable, Strict } from '../../platform/http/schema.ts'
import { TIERS } from '../catalog/index.ts'
import { MODEL_USE } from '../metering/index.ts'
import { REASONS } from './explanation.ts'
import { MODES } from './limit.ts'
import { PolicyBody } from './policy-schema.ts'

const Text = Type.String({ minLength: 1, maxLength: 200 })
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
    pattern: '^(0|[1-9][0-9]{0,3})(\\.[0-9]{1,12})?$',
    description: 'What it costs, for limits of spend',
    examples: ['0.0375'],
  }),
)
const Usage = Type.Optional(
  Named(
    'ModelUse',
    Strict(MODEL_USE, {
      description:
        'Instead of amount, for limits of spend: the call of a model, priced now as its usage event would be, in dollars and without a markup. Before the call, output_tokens are the most that it may answer',
    }),
  ),
)
const CHECK = {
  tenant_id: SubjectTenant,
  ...SUBJECT,
  cost: Cost,
  amount: Spend,
  usage: Usage,
  priority: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'Of the request: it may use what limits reserve for it; 0 unless told',
    }),
  ),
  peek: Type.Optional(Type.Boolean({ description: 'Only tells how things stand' })),
  dry_run: Type.Optional(Type.Boolean({ description: 'Decides, and takes nothing' })),
  observed: Type.Optional(
    Strict(
      {
        latency_ms: Type.Optional(Type.Number({ minimum: 0, maximum: 86_400_000 })),
        dropped: Type.Optional(Type.Boolean({ description: "By the system's error, overload or timeout" })),
        provider: Type.Optional(
          Strict({
            limit: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
            remaining: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
            retry_after_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000 })),
          }),
        ),
      },
      {
        description:
          "How an earlier request ended, for ADAPTIVE limits; with peek it is all that is told. The provider's figures are of its own limit, in this limit's unit and window. Operators alone",
      },
    ),
  ),
  explain: Type.Optional(
    Type.Boolean({
      description:
        'Tells of each limit why it counts the request or does not; with peek also of named ones that are archived or lack something of the subject',
    }),
  ),
  at: Type.Optional({
    ...Instant,
    description:
      'With peek and explain: how the limits met the request then, by the versions, levels and tiers of that instant. Nothing is asked of how things stand: limits is empty',
  }),
}
export const CheckBody = Strict(CHECK)
export const CheckManyBody = Strict({
  ...CHECK,
  limits: Type.Optional(
    Type.Array(Strict({ limit_id: Id('rl'), cost: Cost, amount: Spend, usage: Usage }), {
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
const AnswerReply = Named(
  'RateLimitAnswer',
  Strict({
    ...ANSWER,
    amount: Type.Optional({
      ...Decimal,
      description: 'Of a limit of spend: what the request costs, as told or as priced, also where it is not taken',
    }),
  }),
)
const ExplanationReply = Named(
  'RateLimitExplanation',
  Strict({
    tier: Nullable(Type.Enum([...TIERS], { description: 'null: none, or no override asks for it' })),
    limits: Type.Array(
      Strict({
        limit_id: Id('rl'),
        name: Name,
        version: Type.Integer(),
        mode: Type.Enum([...MODES]),
        since: { ...Instant, description: 'From when the version was in force, on every server a second later' },
        until: Nullable({ ...Instant, description: 'null: it is in force' }),
        reason: Type.Enum([...REASONS]),
        missing: Type.Array(Type.String(), { description: 'What the limit counts by and the request does not tell' }),
        key: Nullable(Type.String()),
        overrides: Type.Array(Type.Integer(), {
          description: 'Places in overrides of those that match; the first is the nearest, and counts',
        }),
        policy: Nullable(PolicyBody),
        reserved: Type.Integer({ description: 'What of it is kept from a request of this priority' }),
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
export const StandingReply = Strict(ANSWER)
export const UsageReply = Strict({ ...ANSWER, used: Nullable(Amount) })
export const ResetReply = Strict({ limit_id: Id('rl'), key: Type.String() })
