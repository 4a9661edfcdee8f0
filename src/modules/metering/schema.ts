import { type Static, Type } from 'typebox'
import { Decimal, Instant, Nullable, Strict } from '../../platform/http/schema.ts'
import { EVENT_TYPES } from './event.ts'

const MAX_BATCH = 10_000
export const BATCH_BYTES = 16 * 1_048_576

// No single call uses this much; a larger number is a mistake in a unit.
const Tokens = Type.Integer({ minimum: 0, maximum: 1_000_000_000 })
const Text = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]*$' })

export const EventType = Type.Enum([...EVENT_TYPES])

/** One call of a model, in the names of an event. Its counts must be told: without them its price would be that of nothing. */
export const MODEL_USE = {
  provider: Type.Optional(Text),
  model: Text,
  input_tokens: { ...Tokens, description: 'All of them, cached_input_tokens and cache_write_tokens included' },
  cached_input_tokens: Type.Optional(Tokens),
  cache_write_tokens: Type.Optional(Tokens),
  output_tokens: { ...Tokens, description: 'All of them, reasoning_tokens included' },
  reasoning_tokens: Type.Optional(Tokens),
}

const EVENT = {
  id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 128,
      pattern: '^[^\\u0000-\\u001f]*$',
      description: 'Yours: an event with the same id is counted once, for ever',
    }),
  ),
  type: EventType,
  occurred_at: Type.Optional(Instant),
  provider: MODEL_USE.provider,
  model: Type.Optional(Text),
  user_id: Type.Optional(Text),
  success: Type.Optional(Type.Boolean({ description: 'True unless told' })),
  quantity: Type.Optional(
    Type.Union(
      [Type.Integer({ minimum: -1e15, maximum: 1e15 }), Type.String({ pattern: '^-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,12})?$' })],
      {
        description: 'In the unit of the type; 1 unless told. Negative for STORAGE_OPERATION only',
      },
    ),
  ),
  input_tokens: Type.Optional(Tokens),
  cached_input_tokens: MODEL_USE.cached_input_tokens,
  cache_write_tokens: MODEL_USE.cache_write_tokens,
  output_tokens: Type.Optional(Tokens),
  reasoning_tokens: MODEL_USE.reasoning_tokens,
  duration_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  cost: Type.Optional(
    Type.String({
      pattern: '^(0|[1-9][0-9]{0,8})(\\.[0-9]{1,12})?$',
      description: 'What it truly cost in USD, where you know better than the price book',
    }),
  ),
  attributes: Type.Optional(
    Type.Record(
      Type.String({ minLength: 1, maxLength: 64 }),
      Type.Union([Type.String({ maxLength: 500 }), Type.Number(), Type.Boolean()]),
      { maxProperties: 20 },
    ),
  ),
}

const TenantId = Type.Optional(Type.String({ maxLength: 64, description: 'For operator keys: whose use it is' }))

export const EventInput = Strict(EVENT)
export type EventInput = Static<typeof EventInput>

export const RecordBody = Strict({ ...EVENT, tenant_id: TenantId })
export const BatchBody = Strict({ tenant_id: TenantId, events: Type.Array(EventInput, { minItems: 1, maxItems: MAX_BATCH }) })

export const RecordReply = Strict({
  id: Type.String(),
  status: Type.Union([Type.Literal('accepted'), Type.Literal('duplicate')]),
  cost: Nullable(Decimal),
  priced: Type.Boolean({ description: 'False: the model has no price yet; the event is repriced when it gets one' }),
})

export const BatchReply = Strict({
  accepted: Type.Integer(),
  duplicates: Type.Integer(),
  unpriced: Type.Integer(),
  rejected: Type.Array(Strict({ index: Type.Integer(), id: Type.String(), code: Type.String(), detail: Type.String() })),
})
