import { formatDecimal } from '../../lib/decimal.ts'
import { type AppError, unprocessable } from '../../platform/errors.ts'
import type { UsageEvent } from './event.ts'
import { costOfCall, tokensOf } from './model-use.ts'
import type { PriceBook } from './pricing/resolve.ts'
import type { TokenUsage } from './pricing/usage.ts'
import type { EventInput } from './schema.ts'

/** How far a sender's clock may run ahead. */
const MAX_AHEAD_MS = 5 * 60_000
const EARLIEST_MS = Date.UTC(2000, 0, 1)

export interface Normalise {
  readonly now: Temporal.Instant
  readonly book: PriceBook
  /** The id of an event that brings none; the same for a retry under one Idempotency-Key. */
  readonly mintId: (index: number) => string
}

/** 2026-11-24T12:00:00.000000Z has 27 characters. */
const COMMON = 27

/** Seven to nine fraction digits are cut: PostgreSQL keeps microseconds and would round up, perhaps into the next hour. */
const toMicroseconds = (text: string): string =>
  text.length <= COMMON && text.endsWith('Z') && text[10] === 'T'
    ? text
    : text
        .replace(/(\.\d{6})\d+/, '$1')
        .replace('t', 'T')
        .replace('z', 'Z')

const occurredAt = (text: string | undefined, nowMs: number, fail: Fail): { text: string; ms: number } => {
  if (text === undefined) return { text: Temporal.Instant.fromEpochMilliseconds(nowMs).toString(), ms: nowMs }
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw fail('occurred_at_invalid', `${text} is no instant; a leap second, perhaps`)
  if (ms > nowMs + MAX_AHEAD_MS) throw fail('event_in_future', `${text} is more than five minutes ahead of this server's clock`)
  if (ms < EARLIEST_MS) throw fail('event_too_old', `${text} is before the year 2000; is occurred_at in the wrong unit?`)
  return { text: toMicroseconds(text), ms }
}

type Fail = (code: string, detail: string) => AppError

const failAt =
  (index: number): Fail =>
  (code, detail) =>
    unprocessable(code, `event ${index}: ${detail}`, { index })

/**
 * One event as it is stored: defaults filled in, checked beyond the schema, priced. A cost that the sender states wins over the price
 * book; without either, an event with a model is unpriced (cost null) and one without costs nothing.
 * Throws 422 with the index: event_in_future, event_too_old, quantity_negative, cached_exceeds_input, reasoning_exceeds_output.
 */
export const normaliseEvent = (input: EventInput, index: number, { now, book, mintId }: Normalise): UsageEvent => {
  const fail = failAt(index)
  const at = occurredAt(input.occurred_at, now.epochMilliseconds, fail)
  const tokens = tokensOf(input, fail)
  const quantity = String(input.quantity ?? 1)
  if (quantity.startsWith('-') && input.type !== 'STORAGE_OPERATION')
    throw fail('quantity_negative', `quantity is ${quantity}; only a STORAGE_OPERATION may take away`)
  return {
    ...tokens,
    id: input.id ?? mintId(index),
    type: input.type,
    provider: input.provider ?? null,
    model: input.model ?? null,
    userId: input.user_id ?? null,
    occurredAt: at.text,
    success: input.success ?? true,
    quantity: quantity === '-0' ? '0' : quantity,
    durationMs: input.duration_ms ?? null,
    cost: costOf(input, tokens, at.ms, book),
    attributes: input.attributes === undefined ? null : JSON.stringify(input.attributes),
  }
}

const costOf = (input: EventInput, tokens: TokenUsage, atMs: number, book: PriceBook): string | null => {
  if (input.cost !== undefined) return input.cost
  const { provider, model } = input
  if (model === undefined) return '0'
  const cost = costOfCall(book, { provider, model }, tokens, atMs)
  return cost === undefined ? null : formatDecimal(cost)
}
