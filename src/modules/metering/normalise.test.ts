import { expect, test } from 'vitest'
import { checker } from '../../platform/http/validation.ts'
import { normaliseEvent } from './normalise.ts'
import { bundledCatalogue } from './pricing/catalogue.ts'
import { priceBook } from './pricing/resolve.ts'
import { BatchBody, type EventInput, RecordBody } from './schema.ts'

const book = priceBook([], await bundledCatalogue())
const now = Temporal.Instant.from('2026-03-01T12:00:00Z')
const stored = (input: Partial<EventInput>, index = 0) =>
  normaliseEvent({ type: 'LLM_COMPLETION', ...input }, index, { now, book, mintId: (i) => `minted-${i}` })

test.each([
  ['2026-03-01T12:05:00Z', '2026-03-01T12:05:00Z', 'five minutes ahead may be a clock'],
  ['2000-01-01T00:00:00Z', '2000-01-01T00:00:00Z', 'the earliest'],
  ['2026-03-01T10:59:59.9999999Z', '2026-03-01T10:59:59.999999Z', 'the seventh digit must not round into the next hour'],
  ['2026-02-28T23:59:59.999999999Z', '2026-02-28T23:59:59.999999Z', 'nor into the next month'],
  ['2026-03-01T12:59:59.9999995+01:00', '2026-03-01T12:59:59.999999+01:00', 'nor with an offset'],
  ['2026-03-01t10:00:00z', '2026-03-01T10:00:00Z', 'RFC 3339 allows lower case'],
])('an event at %s is stored at %s: %s', (given, kept) => {
  expect(stored({ occurred_at: given }).occurredAt).toBe(kept)
})

test.each<[string, Partial<EventInput>]>([
  ['event_in_future', { occurred_at: '2026-03-01T12:05:00.001Z' }],
  ['event_in_future', { occurred_at: '9999-12-31T23:59:59Z' }],
  ['event_too_old', { occurred_at: '1999-12-31T23:59:59Z' }],
  ['event_too_old', { occurred_at: '1970-01-21T11:50:23Z' }],
  ['occurred_at_invalid', { occurred_at: '2016-12-31T23:59:60Z' }],
  ['quantity_negative', { quantity: -1 }],
  ['quantity_negative', { quantity: '-0.000000000001' }],
  ['cached_exceeds_input', { input_tokens: 10, cached_input_tokens: 6, cache_write_tokens: 5 }],
  ['cached_exceeds_input', { cached_input_tokens: 1 }],
  ['reasoning_exceeds_output', { output_tokens: 1, reasoning_tokens: 2 }],
])('%s refuses %o and names the event', (code, input) => {
  expect(() => stored(input, 7)).toThrow(expect.objectContaining({ kind: 'unprocessable', code, details: { index: 7 } }))
})

test('what is left out gets its default; only storage may be taken away', () => {
  expect(stored({})).toEqual({
    id: 'minted-0',
    type: 'LLM_COMPLETION',
    provider: null,
    model: null,
    userId: null,
    occurredAt: '2026-03-01T12:00:00Z',
    success: true,
    quantity: '1',
    durationMs: null,
    cost: '0',
    attributes: null,
    inputTokens: 0,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
  })
  expect(stored({ type: 'STORAGE_OPERATION', quantity: -1_000 }).quantity).toBe('-1000')
})

test('cached and written tokens are billed at their own price and never as input besides', () => {
  const tokens = { input_tokens: 1_000_000, output_tokens: 0 }
  const model = { provider: 'anthropic', model: 'claude-3-5-sonnet-20241022' } // 3 in, 0.30 read, 3.75 written, a million
  expect(stored({ ...model, ...tokens }).cost).toBe('3')
  expect(stored({ ...model, ...tokens, cached_input_tokens: 1_000_000 }).cost).toBe('0.3')
  expect(stored({ ...model, ...tokens, cached_input_tokens: 400_000, cache_write_tokens: 100_000 }).cost).toBe('1.995')
})

test('a stated cost wins; a model without a price is unpriced, not free', () => {
  expect(stored({ model: 'gpt-4', input_tokens: 5, cost: '0.000000000001' }).cost).toBe('0.000000000001')
  expect(stored({ model: 'of-nobody', input_tokens: 5 }).cost).toBeNull()
})

// attacks.json MONEY-03 (CWE-190): negative, zero, NaN, Infinity, 1e308, -0, fractions and overflows in every numeric field, as number and text.
const check = { record: checker(RecordBody, 'body'), batch: checker(BatchBody, 'body') }
const HOSTILE = [
  '-1',
  '1e308',
  '1e400',
  '-1e400',
  '0.5',
  '9007199254740993',
  '9223372036854775808',
  '1.5',
  'null',
  'true',
  '[]',
  '{}',
]
const TEXTS = ['NaN', 'Infinity', '-Infinity', '1e5', '0x10', ' 1', '1 ', '', '+1', '.5', '5.', '1,000', '١', '007', '1_000']
const COUNTS = ['input_tokens', 'cached_input_tokens', 'cache_write_tokens', 'output_tokens', 'reasoning_tokens', 'duration_ms']

/** `quantity` may be negative (storage) and, as a text, a fraction; the cost is a text only. */
const mayPass = new Set(['quantity -1'])
const numbers = [...COUNTS, 'quantity', 'cost'].flatMap((field) =>
  [...HOSTILE, ...TEXTS.map((text) => JSON.stringify(text))]
    .filter((value) => !mayPass.has(`${field} ${value}`))
    .map((value) => [field, value] as const),
)
test.each(numbers)('a hostile %s of %s is refused, in a record and in a batch', (field, value) => {
  const event = `{"type":"API_CALL","${field}":${value}}`
  const refusal = expect.objectContaining({ kind: 'unprocessable', code: 'validation_failed' })
  expect(() => check.record(JSON.parse(event))).toThrow(refusal)
  expect(() => check.batch(JSON.parse(`{"events":[${event}]}`))).toThrow(refusal)
})

test.each(['-0', '0', '1000000000000000'])('quantity %s as a number passes and is exact', (value) => {
  const event = JSON.parse(`{"type":"API_CALL","quantity":${value}}`)
  check.record(event)
  expect(stored(event).quantity).toBe(value === '-0' ? '0' : value)
})

test('sums beyond 2^53 tokens stay exact', () => {
  const most = { input_tokens: 1_000_000_000, output_tokens: 1_000_000_000, model: 'gpt-4' }
  check.record({ type: 'LLM_COMPLETION', ...most })
  expect(stored(most).cost).toBe('90000')
})

test('a batch of none, of too many, with unknown types and fields is refused', () => {
  const refusal = expect.objectContaining({ code: 'validation_failed' })
  expect(() => check.batch({ events: [] })).toThrow(refusal)
  expect(() => check.batch({ events: Array(10_001).fill({ type: 'API_CALL' }) })).toThrow(refusal)
  expect(() => check.record({ type: 'API_CALL', price: 1 })).toThrow(refusal)
  for (const type of ['MAGIC', 'api_call', '', null]) expect(() => check.record({ type })).toThrow(refusal)
})
