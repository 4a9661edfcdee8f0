import { readUsageBody } from '../../modules/metering/index.ts'
import type { EventInput } from './event-input.ts'
import { type Line, unread } from './line.ts'

type Json = Readonly<Record<string, unknown>>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A line is the provider's response itself, or a wrapper that holds it beside what the caller noted. */
const bodyOf = (line: Json): unknown => line.response ?? line.body ?? line
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

const instantOf = (value: unknown): string | undefined => {
  try {
    if (typeof value === 'string') return Temporal.Instant.from(value).toString()
    // Unix time, in seconds or in milliseconds: one is below 10¹¹ until the year 5138, the other above it since 1973.
    if (typeof value === 'number')
      return Temporal.Instant.fromEpochMilliseconds(Math.round(value < 1e11 ? value * 1_000 : value)).toString()
  } catch {
    return undefined
  }
  return undefined
}

/**
 * One response of OpenAI, Anthropic or Gemini as an event; `source` names the file. The provider's own id makes the event's, so that one
 * response in two logs counts once. Without a time in the wrapper or the body it is as if it had just come.
 */
export const providerEvent = (value: unknown, line: number, source: string): Line<{ line: number; event: EventInput }> => {
  if (!isJson(value)) return unread(line, 'a line must be a JSON object: one response of a provider')
  const reading = readUsageBody(bodyOf(value), textOf(value.provider))
  if (!reading.ok) return unread(line, reading.message)
  const { provider, model, usage, id, createdAt, beyond } = reading
  const at = instantOf(value.time) ?? instantOf(value.timestamp) ?? createdAt?.toString()
  const userId = textOf(value.user_id)
  return {
    ok: true,
    line,
    event: {
      id: id ?? `${source}:${line}`,
      type: isEmbedding(bodyOf(value)) ? 'EMBEDDING_GENERATION' : 'LLM_COMPLETION',
      ...(at === undefined ? {} : { occurred_at: at }),
      ...(provider === undefined ? {} : { provider }),
      model,
      ...(userId === undefined ? {} : { user_id: userId }),
      input_tokens: usage.inputTokens,
      cached_input_tokens: usage.cachedInputTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      output_tokens: usage.outputTokens,
      reasoning_tokens: usage.reasoningTokens,
      ...(beyond.length === 0 ? {} : { attributes: { beyond_price: beyond.join(' ').slice(0, 500) } }),
    },
  }
}

const isEmbedding = (body: unknown): boolean => isJson(body) && body.object === 'list'
