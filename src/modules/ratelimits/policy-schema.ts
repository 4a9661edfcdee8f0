import { type Static, Type } from 'typebox'
import { Named, Strict, TimeZone } from '../../platform/http/schema.ts'

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
