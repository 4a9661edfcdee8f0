import type { TokenUsage, UsageCounts } from './usage.ts'
import { completeUsage, usageProblem } from './usage.ts'

export type UsageReading = {
  readonly ok: true
  /** Absent where the body does not tell (many providers answer in OpenAI's form): the model name then has to. */
  readonly provider?: string
  readonly model: string
  readonly usage: TokenUsage
  /** Absent where the provider gives none (embeddings). */
  readonly id?: string
  readonly createdAt?: Temporal.Instant
  /** What the provider bills differently and TokenUsage does not carry, e.g. 'cache_write_1h_tokens': the cost is then approximate. */
  readonly beyond: readonly string[]
}

export type UsageRefusal = {
  readonly ok: false
  readonly reason: 'not_an_object' | 'error_response' | 'unknown_format' | 'no_usage' | 'no_model' | 'invalid_usage'
  readonly message: string
}

type Json = { readonly [key: string]: unknown }

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const part = (from: Json, name: string): Json => {
  const value = from[name]
  return isJson(value) ? value : {}
}
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
// Absent and null are none; anything else that is no number becomes NaN, which usageProblem refuses.
const count = (value: unknown): number =>
  value === undefined || value === null ? 0 : typeof value === 'number' ? value : Number.NaN

type Format = {
  readonly provider?: string
  readonly usage: Json
  readonly counts: UsageCounts
  readonly model?: string | undefined
  readonly id?: string | undefined
  readonly createdAt?: Temporal.Instant | undefined
  readonly beyond?: Readonly<Record<string, unknown>>
}

function unixTime(value: unknown): Temporal.Instant | undefined {
  const ms = typeof value === 'number' ? Math.round(value * 1000) : Number.NaN
  return Math.abs(ms) <= 8.64e15 ? Temporal.Instant.fromEpochMilliseconds(ms) : undefined
}

function isoTime(value: unknown): Temporal.Instant | undefined {
  try {
    return typeof value === 'string' ? Temporal.Instant.from(value) : undefined
  } catch {
    return undefined
  }
}

/** Chat completions, text completions and embeddings of OpenAI and everybody who answers in that form. */
function openAiChat(body: Json, usage: Json): Format {
  const input = part(usage, 'prompt_tokens_details')
  const output = part(usage, 'completion_tokens_details')
  const prompt = count(usage.prompt_tokens)
  const completion = count(usage.completion_tokens)
  const reasoning = count(output.reasoning_tokens)
  // xAI counts reasoning beside completion_tokens; total_tokens shows which of the two it is.
  const beside = reasoning > 0 && usage.total_tokens === prompt + completion + reasoning
  return {
    usage,
    counts: {
      inputTokens: prompt,
      outputTokens: beside ? completion + reasoning : completion,
      cachedInputTokens: count(input.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens),
      cacheWriteTokens: count(input.cache_write_tokens),
      reasoningTokens: reasoning,
    },
    createdAt: unixTime(body.created),
    beyond: { input_audio_tokens: input.audio_tokens, output_audio_tokens: output.audio_tokens },
  }
}

function openAiResponse(body: Json, usage: Json): Format {
  const input = part(usage, 'input_tokens_details')
  return {
    provider: 'openai',
    usage,
    counts: {
      inputTokens: count(usage.input_tokens),
      outputTokens: count(usage.output_tokens),
      cachedInputTokens: count(input.cached_tokens),
      cacheWriteTokens: count(input.cache_write_tokens),
      reasoningTokens: count(part(usage, 'output_tokens_details').reasoning_tokens),
    },
    createdAt: unixTime(body.created_at),
  }
}

/** Anthropic's input_tokens are only the uncached rest; the total is the sum of the three. */
function anthropicMessage(usage: Json): Format {
  const cacheWriteTokens = count(usage.cache_creation_input_tokens)
  const cachedInputTokens = count(usage.cache_read_input_tokens)
  return {
    provider: 'anthropic',
    usage,
    counts: {
      inputTokens: count(usage.input_tokens) + cacheWriteTokens + cachedInputTokens,
      outputTokens: count(usage.output_tokens),
      cachedInputTokens,
      cacheWriteTokens,
      reasoningTokens: count(part(usage, 'output_tokens_details').thinking_tokens),
    },
    beyond: {
      cache_write_1h_tokens: part(usage, 'cache_creation').ephemeral_1h_input_tokens,
      web_search_requests: part(usage, 'server_tool_use').web_search_requests,
    },
  }
}

/** Gemini counts thoughts beside candidates and tool prompts beside the prompt. */
function geminiContent(body: Json, usage: Json): Format {
  const reasoningTokens = count(usage.thoughtsTokenCount)
  return {
    provider: 'google',
    usage,
    counts: {
      inputTokens: count(usage.promptTokenCount) + count(usage.toolUsePromptTokenCount),
      outputTokens: count(usage.candidatesTokenCount) + reasoningTokens,
      cachedInputTokens: count(usage.cachedContentTokenCount),
      reasoningTokens,
    },
    model: text(body.modelVersion),
    id: text(body.responseId),
    createdAt: isoTime(body.createTime),
  }
}

function formatOf(body: Json): Format | undefined {
  const { usage, usageMetadata } = body
  if (isJson(usageMetadata)) return 'promptTokenCount' in usageMetadata ? geminiContent(body, usageMetadata) : undefined
  if (!isJson(usage)) return undefined
  if ('prompt_tokens' in usage) return openAiChat(body, usage)
  if (!('input_tokens' in usage && 'output_tokens' in usage)) return undefined
  if (body.type === 'message') return anthropicMessage(usage)
  return body.object === 'response' ? openAiResponse(body, usage) : undefined
}

const isKnownForm = ({ object, type, usageMetadata }: Json): boolean =>
  type === 'message' || usageMetadata !== undefined || (typeof object === 'string' && KNOWN_OBJECTS.has(object))

const refusal = (reason: UsageRefusal['reason'], message: string): UsageRefusal => ({ ok: false, reason, message })

const KNOWN_OBJECTS: ReadonlySet<string> = new Set([
  'chat.completion',
  'chat.completion.chunk',
  'text_completion',
  'response',
  'list',
])
// These service tiers have prices of their own.
const OTHER_PRICE: ReadonlySet<unknown> = new Set(['flex', 'priority', 'batch'])

/** Token usage of one provider response, or why there is none. `provider`, when the caller knows it, goes before what the body tells. */
export function readUsageBody(body: unknown, provider?: string): UsageReading | UsageRefusal {
  if (!isJson(body)) return refusal('not_an_object', 'a provider response is a JSON object; give one response per line')
  if (isJson(body.error))
    return refusal('error_response', `the provider answered with an error: ${text(body.error.message) ?? 'no message'}`)
  const format = formatOf(body)
  if (!format) {
    if (isKnownForm(body))
      return refusal('no_usage', 'the response carries no usage; a stream reports it only if asked to, in its last chunk')
    return refusal(
      'unknown_format',
      'neither an OpenAI, an Anthropic nor a Gemini response; record such calls through POST /usage/record',
    )
  }
  const model = format.model ?? text(body.model)
  if (model === undefined) return refusal('no_model', 'the response names no model, so it has no price; add "model" to it')
  const usage = completeUsage(format.counts)
  const problem = usageProblem(usage)
  if (problem) return refusal('invalid_usage', problem.message)
  const seller = provider ?? format.provider
  const id = format.id ?? text(body.id)
  const tier = format.usage.service_tier ?? body.service_tier
  return {
    ok: true,
    ...(seller !== undefined && { provider: seller }),
    model,
    usage,
    ...(id !== undefined && { id }),
    ...(format.createdAt && { createdAt: format.createdAt }),
    beyond: [
      ...Object.entries(format.beyond ?? {}).flatMap(([name, value]) => (count(value) === 0 ? [] : [name])),
      ...(OTHER_PRICE.has(tier) ? [`service_tier_${tier}`] : []),
    ],
  }
}
