import { expect, test } from 'vitest'
import { readUsageBody } from './usage-bodies.ts'

const chat = (usage: object, rest: object = {}) => ({
  id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
  object: 'chat.completion',
  created: 1_741_569_952,
  model: 'gpt-4.1-2025-04-14',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello!' }, finish_reason: 'stop' }],
  usage,
  service_tier: 'default',
  ...rest,
})

test('an OpenAI chat completion: cached and reasoning tokens are parts of the totals', () => {
  const body = chat({
    prompt_tokens: 2_006,
    completion_tokens: 300,
    total_tokens: 2_306,
    prompt_tokens_details: { cached_tokens: 1_920, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 256,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  })
  expect(readUsageBody(body)).toEqual({
    ok: true,
    model: 'gpt-4.1-2025-04-14',
    id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
    createdAt: Temporal.Instant.from('2025-03-10T01:25:52Z'),
    usage: { inputTokens: 2_006, outputTokens: 300, cachedInputTokens: 1_920, cacheWriteTokens: 0, reasoningTokens: 256 },
    beyond: [],
  })
})

test("the caller's provider goes before what the body tells", () => {
  expect(readUsageBody(chat({ prompt_tokens: 1, completion_tokens: 1 }), 'groq')).toMatchObject({ ok: true, provider: 'groq' })
})

test('an OpenAI response: input_tokens and output_tokens are the totals', () => {
  const body = {
    id: 'resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b',
    object: 'response',
    created_at: 1_741_476_542,
    status: 'completed',
    error: null,
    model: 'gpt-5.2-2025-12-11',
    output: [],
    usage: {
      input_tokens: 36_000,
      input_tokens_details: { cached_tokens: 35_000 },
      output_tokens: 87,
      output_tokens_details: { reasoning_tokens: 64 },
      total_tokens: 36_087,
    },
  }
  expect(readUsageBody(body)).toMatchObject({
    provider: 'openai',
    id: body.id,
    usage: { inputTokens: 36_000, outputTokens: 87, cachedInputTokens: 35_000, cacheWriteTokens: 0, reasoningTokens: 64 },
  })
})

const message = (usage: object) => ({
  id: 'msg_013Zva2CMHLNnXjNJJKqJ2EF',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5-20250929',
  content: [{ type: 'text', text: 'Hi!' }],
  stop_reason: 'end_turn',
  usage,
})

test('an Anthropic message: our input is the sum, because theirs leaves both kinds of cache out', () => {
  const usage = {
    input_tokens: 21,
    cache_creation_input_tokens: 188,
    cache_read_input_tokens: 100_000,
    output_tokens: 393,
    service_tier: 'standard',
  }
  expect(readUsageBody(message(usage))).toEqual({
    ok: true,
    provider: 'anthropic',
    model: 'claude-sonnet-4-5-20250929',
    id: 'msg_013Zva2CMHLNnXjNJJKqJ2EF',
    usage: { inputTokens: 100_209, outputTokens: 393, cachedInputTokens: 100_000, cacheWriteTokens: 188, reasoningTokens: 0 },
    beyond: [],
  })
})

test('what the provider bills differently and we do not carry is named, not hidden', () => {
  const long = {
    input_tokens: 1,
    cache_creation_input_tokens: 9,
    cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 5 },
    output_tokens: 1,
  }
  expect(readUsageBody(message({ ...long, server_tool_use: { web_search_requests: 2 }, service_tier: 'batch' }))).toMatchObject({
    beyond: ['cache_write_1h_tokens', 'web_search_requests', 'service_tier_batch'],
  })
  const audio = chat(
    { prompt_tokens: 9, completion_tokens: 1, prompt_tokens_details: { audio_tokens: 4 } },
    { service_tier: 'flex' },
  )
  expect(readUsageBody(audio)).toMatchObject({ beyond: ['input_audio_tokens', 'service_tier_flex'] })
})

test('an embedding has no output and no id', () => {
  const body = { object: 'list', data: [], model: 'text-embedding-3-small', usage: { prompt_tokens: 8, total_tokens: 8 } }
  expect(readUsageBody(body, 'openai')).toEqual({
    ok: true,
    provider: 'openai',
    model: 'text-embedding-3-small',
    usage: { inputTokens: 8, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    beyond: [],
  })
})

test('a DeepSeek completion: the hits of the prompt cache are cached tokens', () => {
  const usage = {
    prompt_tokens: 100,
    completion_tokens: 5,
    total_tokens: 105,
    prompt_cache_hit_tokens: 64,
    prompt_cache_miss_tokens: 36,
  }
  expect(readUsageBody(chat(usage, { model: 'deepseek-chat' }))).toMatchObject({
    usage: { inputTokens: 100, cachedInputTokens: 64 },
  })
})

test('an xAI completion counts reasoning beside the completion, and the total shows it', () => {
  const usage = {
    prompt_tokens: 32,
    completion_tokens: 9,
    total_tokens: 135,
    completion_tokens_details: { reasoning_tokens: 94 },
  }
  expect(readUsageBody(chat(usage, { model: 'grok-4' }))).toMatchObject({
    usage: { inputTokens: 32, outputTokens: 103, reasoningTokens: 94 },
  })
})

test('a Gemini response counts thoughts beside the candidates', () => {
  const body = {
    candidates: [],
    usageMetadata: {
      promptTokenCount: 900,
      cachedContentTokenCount: 800,
      candidatesTokenCount: 20,
      thoughtsTokenCount: 80,
      totalTokenCount: 1_000,
    },
    modelVersion: 'gemini-2.5-pro',
    responseId: 'mAitaLmkHPPlz7IP8dyMUQ',
    createTime: '2025-08-13T16:00:06.5Z',
  }
  expect(readUsageBody(body)).toMatchObject({
    provider: 'google',
    model: 'gemini-2.5-pro',
    id: 'mAitaLmkHPPlz7IP8dyMUQ',
    createdAt: Temporal.Instant.from('2025-08-13T16:00:06.5Z'),
    usage: { inputTokens: 900, outputTokens: 100, cachedInputTokens: 800, reasoningTokens: 80 },
  })
})

test.each([
  ['not_an_object', 'line'],
  ['not_an_object', null],
  ['not_an_object', []],
  ['error_response', { error: { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' } }],
  ['error_response', { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }],
  ['no_usage', { object: 'chat.completion.chunk', id: 'chatcmpl-1', model: 'gpt-4o', choices: [], usage: null }],
  ['no_usage', { object: 'response', id: 'resp_1', model: 'gpt-5', status: 'in_progress', usage: null }],
  ['no_usage', message({})],
  ['unknown_format', { hello: 'world' }],
  ['unknown_format', { type: 'message_delta', usage: { output_tokens: 5 } }],
  ['no_model', chat({ prompt_tokens: 1, completion_tokens: 1 }, { model: undefined })],
  ['invalid_usage', chat({ prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 2 } })],
  ['invalid_usage', chat({ prompt_tokens: '12', completion_tokens: 1 })],
  ['invalid_usage', chat({ prompt_tokens: -1, completion_tokens: 1 })],
  ['invalid_usage', message({ input_tokens: 1.5, output_tokens: 1 })],
] as const)('%s is the answer to %j', (reason, body) => {
  expect(readUsageBody(body)).toMatchObject({ ok: false, reason, message: expect.stringMatching(/.{10}/) })
})
