import { calcPrice } from '@pydantic/genai-prices'
import { expect, test } from 'vitest'
import { bundledCatalogue, catalogueOf } from './catalogue.ts'
import { findCatalogueModel } from './catalogue-model.ts'
import { costOfCalls } from './price.ts'
import { priceBook } from './resolve.ts'
import { perMillion } from './seed.ts'
import { completeUsage } from './usage.ts'

const catalogue = await bundledCatalogue()
const found = (provider: string | undefined, model: string) => {
  const hit = findCatalogueModel(catalogue, provider, model)
  return hit && `${hit.provider}: ${hit.entry.provider}/${hit.entry.model}`
}
const onlyPrice = (provider: string, model: string) => {
  const prices = findCatalogueModel(catalogue, provider, model)?.entry.prices ?? []
  expect(prices).toHaveLength(1)
  return prices[0]?.rates
}

test('every price of the package is taken, refused with a reason, or told as adjusted', () => {
  const models = [...catalogue.providers.values()].flatMap((provider) => provider.models)
  expect(models).toHaveLength(1_694)
  expect(new Set(catalogue.refused.map(({ reason }) => reason))).toEqual(new Set(['no_token_price']))
  expect(models.filter(({ prices }) => prices.length === 0)).toHaveLength(catalogue.refused.length)
  expect(catalogue.prices).toHaveLength(1_691)
  expect(catalogue.refused).toHaveLength(29)
})

test('only seven prices are no whole pico-USD: one float noise, six of a twelfth of a dollar', () => {
  const told = catalogue.adjusted.map(({ provider, key, price, pico }) => `${provider} ${key} ${price} → ${pico}`)
  expect(told.toSorted()).toEqual([
    'huggingface_together input_mtok 0.18000000000000002 → 180000',
    ...Array.from({ length: 6 }, () => 'openrouter cache_write_mtok 0.08333333333333334 → 83333'),
  ])
})

test('our cost is the cost the package computes, for every model, in every tier and at every time', () => {
  const book = priceBook([], catalogue)
  const adjusted = new Set(catalogue.adjusted.map(({ provider, model }) => `${provider}/${model}`))
  const times = ['2024-03-01T12:00:00Z', '2026-01-15T20:00:00Z', '2026-09-10T02:30:00Z', '2027-02-01T08:00:00Z']
  const usages = [
    completeUsage({
      inputTokens: 12_345,
      outputTokens: 678,
      cachedInputTokens: 4_321,
      cacheWriteTokens: 1_234,
      reasoningTokens: 99,
    }),
    ...[128_000, 128_001, 200_000, 200_001, 271_999, 272_000, 272_001, 512_001].map((inputTokens) =>
      completeUsage({ inputTokens, outputTokens: 1_000, cachedInputTokens: 50_000 }),
    ),
  ]
  let compared = 0
  const different: string[] = []
  for (const provider of catalogue.providers.values()) {
    for (const { model } of provider.models) {
      for (const [i, time] of times.entries()) {
        const price = book.resolve(provider.id, model, Temporal.Instant.from(time))
        for (const usage of i === 1 ? usages : usages.slice(0, 1)) {
          const theirs = calcPrice(
            {
              input_tokens: usage.inputTokens,
              output_tokens: usage.outputTokens,
              cache_read_tokens: usage.cachedInputTokens,
              cache_write_tokens: usage.cacheWriteTokens,
              output_reasoning_tokens: usage.reasoningTokens,
            },
            model,
            { providerId: provider.id, timestamp: new Date(time) },
          )
          // Without an output price the package bills output at nothing, we at the input's price.
          if (!price || !theirs || adjusted.has(`${provider.id}/${model}`) || theirs.model_price.output_mtok === undefined)
            continue
          compared += 1
          const ours = Number(costOfCalls(usage, price.rates)) / 1e12
          if (Math.abs(ours - theirs.total_price) > 1e-9 * theirs.total_price + 1e-15)
            different.push(`${provider.id}/${model} at ${time}: ${ours} ≠ ${theirs.total_price}`)
        }
      }
    }
  }
  expect(different).toEqual([])
  expect(compared).toBeGreaterThan(15_000)
})

test('the data is read as cached, cache write, reasoning, tier and call prices', () => {
  expect(onlyPrice('google', 'gemini-2.5-pro')).toEqual({
    input: perMillion('1.25'),
    output: perMillion('10'),
    cachedInput: perMillion('0.125'),
    tiers: [{ aboveInputTokens: 200_000, input: perMillion('2.5'), output: perMillion('15'), cachedInput: perMillion('0.25') }],
  })
  expect(onlyPrice('anthropic', 'claude-3-haiku')).toEqual({
    input: perMillion('0.25'),
    output: perMillion('1.25'),
    cachedInput: perMillion('0.03'),
    cacheWrite: perMillion('0.3'),
  })
  expect(onlyPrice('perplexity', 'sonar-deep-research')?.reasoning).toBe(perMillion('3'))
  // 12 USD per thousand calls.
  expect(onlyPrice('perplexity', 'sonar')?.request).toBe(12_000_000_000n)
})

test.each([
  [undefined, 'gemini/gemini-2.5-pro', 'google: google/gemini-2.5-pro'],
  [undefined, 'openai/gpt-4o', 'openai: openai/gpt-4o'],
  [undefined, 'gpt-5.3-codex', 'openai: openai/gpt-5.3-codex'],
  [undefined, 'claude-3-opus-20240229', 'anthropic: anthropic/claude-3-opus-latest'],
  ['gemini', 'gemini-2.5-pro', 'google: google/gemini-2.5-pro'],
  ['google', 'gemini/gemini-2.5-pro', 'google: google/gemini-2.5-pro'],
  ['vertex_ai', 'claude-sonnet-4-5', 'google: google/claude-sonnet-4-5'],
  ['azure_openai', 'gpt-4', 'azure: openai/gpt-4'],
  ['bedrock', 'us.anthropic.claude-sonnet-4-20250514-v1:0', 'aws: aws/regional.anthropic.claude-sonnet-4-20250514-v1:0'],
  ['litellm', 'xai/grok-4', 'x-ai: x-ai/grok-4-0709'],
  ['OpenAI', ' GPT-4o-20240806 ', 'openai: openai/gpt-4o'],
  ['openrouter', 'openai/gpt-5.4', 'openrouter: openrouter/openai/gpt-5.4'],
  [undefined, 'openrouter/openai/gpt-5.4', 'openrouter: openrouter/openai/gpt-5.4'],
])('%s %s is %s', (provider, model, expected) => {
  expect(found(provider, model)).toBe(expected)
})

test('another name is not taken for a known model', () => {
  for (const [provider, model] of [
    ['acme', 'gpt-4o'],
    [undefined, 'ollama/claude-v2'],
    [undefined, 'gemini/'],
    [undefined, ''],
    ['anthropic', 'openai/gpt-4o'],
  ] as const)
    expect(found(provider, model)).toBeUndefined()
})

const tiny = (prices: Parameters<typeof catalogueOf>[0][number]['models'][number]['prices'], id = 'm') =>
  catalogueOf([{ id: 'p', name: 'P', api_pattern: '', models: [{ id, match: { equals: id }, prices }] }])

test('an empty price is free only where the id says so, otherwise unknown', () => {
  expect(tiny({}, 'm:free').prices[0]?.rates).toEqual({ input: 0n, output: 0n })
  expect(tiny({}).refused).toEqual([{ provider: 'p', model: 'm', reason: 'no_token_price' }])
})

test('a model without an output price bills output as input, never at nothing', () => {
  expect(tiny({ input_mtok: 0.1 }).prices[0]?.rates).toEqual({ input: 100_000n, output: 100_000n })
})

test('one unreadable price refuses the model: an older price must not be billed in its place', () => {
  const late = { constraint: { type: 'start_date', start_date: '2026-01-01' }, prices: { audio_hours: 1 } } as const
  expect(tiny([{ prices: { input_mtok: 1 } }, late])).toMatchObject({ prices: [], refused: [{ reason: 'no_token_price' }] })
  expect(tiny({ input_mtok: -1 }).refused).toEqual([{ provider: 'p', model: 'm', reason: 'not_a_price' }])
  expect(tiny({ input_mtok: Number.NaN }).refused).toEqual([{ provider: 'p', model: 'm', reason: 'not_a_price' }])
})

test('every threshold of any price becomes a tier in which each price is the last one reached', () => {
  const prices = {
    input_mtok: {
      base: 1,
      tiers: [
        { start: 100, price: 2 },
        { start: 200, price: 3 },
      ],
    },
    output_mtok: { base: 5, tiers: [{ start: 150, price: 6 }] },
    cache_read_mtok: 1e-6,
  }
  const cachedInput = 1n
  expect(tiny(prices).prices[0]?.rates).toEqual({
    input: perMillion('1'),
    output: perMillion('5'),
    cachedInput,
    tiers: [
      { aboveInputTokens: 100, input: perMillion('2'), output: perMillion('5'), cachedInput },
      { aboveInputTokens: 150, input: perMillion('2'), output: perMillion('6'), cachedInput },
      { aboveInputTokens: 200, input: perMillion('3'), output: perMillion('6'), cachedInput },
    ],
  })
})
