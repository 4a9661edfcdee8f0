import { expect, test } from 'vitest'
import { bundledCatalogue } from './catalogue.ts'
import type { PriceEntry } from './resolve.ts'
import { priceBook } from './resolve.ts'
import { perMillion, SEED_PRICES } from './seed.ts'

const catalogue = await bundledCatalogue()
const at = (text: string): Temporal.Instant => Temporal.Instant.from(text)
const NOW = at('2026-05-01T12:00:00Z')

const entry = (id: string, provider: string, model: string, input: string, effectiveFrom?: string): PriceEntry => ({
  id,
  provider,
  model,
  rates: { input: perMillion(input), output: perMillion(input) },
  ...(effectiveFrom !== undefined && { effectiveFrom: at(effectiveFrom) }),
})

test("the operator's price goes before the seed, the seed before the catalogue", () => {
  const own = priceBook([entry('own', 'openai', 'gpt-4', '7')], catalogue)
  expect(own.resolve('openai', 'gpt-4', NOW)).toMatchObject({ priceId: 'own', source: 'operator', rates: { input: 7_000_000n } })
  const none = priceBook([], catalogue)
  expect(none.resolve('openai', 'gpt-4', NOW)).toMatchObject({ priceId: 'seed:openai/gpt-4', source: 'seed' })
  expect(none.resolve('openai', 'gpt-4o', NOW)).toMatchObject({ priceId: 'catalogue:openai/gpt-4o', source: 'catalogue' })
})

test('a price holds from its time on, and until the next one', () => {
  const book = priceBook(
    [
      entry('b', 'acme', 'a1', '2', '2026-03-01T00:00:00Z'),
      entry('a', 'acme', 'a1', '1', '2026-02-01T00:00:00Z'),
      entry('same', 'acme', 'a1', '3', '2026-03-01T00:00:00Z'),
    ],
    catalogue,
  )
  expect(book.resolve('acme', 'a1', at('2026-01-31T23:59:59.999Z'))).toBeUndefined()
  expect(book.resolve('acme', 'a1', at('2026-02-01T00:00:00Z'))?.priceId).toBe('a')
  expect(book.resolve('acme', 'a1', at('2026-02-28T23:59:59.999Z'))?.priceId).toBe('a')
  expect(book.resolve('acme', 'a1', at('2026-03-01T00:00:00Z').epochMilliseconds)?.priceId).toBe('same')
})

test("before the operator's price holds, the seed and the catalogue do", () => {
  const book = priceBook(
    [entry('x', 'openai', 'gpt-4', '7', '2026-06-01T00:00:00Z'), entry('y', 'openai', 'gpt-4o', '7', '2026-06-01T00:00:00Z')],
    catalogue,
  )
  expect(book.resolve('openai', 'gpt-4', NOW)?.source).toBe('seed')
  expect(book.resolve('openai', 'gpt-4o', NOW)?.source).toBe('catalogue')
})

test("an operator's price also holds for the other names of the same model, and for no other model", () => {
  const book = priceBook(
    [entry('opus', 'Anthropic', 'claude-3-opus', '9'), entry('pro', 'gemini', 'gemini-2.5-pro', '9')],
    catalogue,
  )
  expect(book.resolve('anthropic', 'claude-3-opus-20240229', NOW)?.priceId).toBe('opus')
  expect(book.resolve(undefined, 'claude-3-opus', NOW)?.priceId).toBe('opus')
  expect(book.resolve('google', 'gemini-2.5-pro', NOW)?.priceId).toBe('pro')
  expect(book.resolve(undefined, 'gemini/gemini-2.5-pro', NOW)?.priceId).toBe('pro')
  expect(book.resolve('google', 'gemini-2.5-flash', NOW)?.source).toBe('catalogue')
  expect(book.resolve('openrouter', 'google/gemini-2.5-pro', NOW)?.source).toBe('catalogue')
  // gpt-4o-2024-05-13 has a price of its own in the catalogue, so it is another model than gpt-4o.
  const other = priceBook([entry('4o', 'openai', 'gpt-4o', '9')], catalogue)
  expect(other.resolve('openai', 'gpt-4o-2024-08-06', NOW)?.priceId).toBe('4o')
  expect(other.resolve('openai', 'gpt-4o-2024-05-13', NOW)?.source).toBe('catalogue')
  expect(other.resolve('azure', 'gpt-4o', NOW)?.source).toBe('catalogue')
})

test("an operator's own provider and model are found by either spelling", () => {
  const book = priceBook([entry('own', 'acme', 'team/a1', '1')], catalogue)
  for (const [provider, model] of [
    ['acme', 'team/a1'],
    ['ACME', 'Team/A1'],
    [undefined, 'acme/team/a1'],
    ['acme', 'acme/team/a1'],
  ] as const)
    expect(book.resolve(provider, model, NOW)?.priceId).toBe('own')
  expect(book.resolve(undefined, 'team/a1', NOW)).toBeUndefined()
})

test("the catalogue's dated and daily prices hold at their times", () => {
  const book = priceBook([], catalogue)
  const input = (model: string, provider: string, time: string) => book.resolve(provider, model, at(time))?.rates.input
  expect(input('o3', 'openai', '2025-06-09T23:59:59Z')).toBe(perMillion('10'))
  expect(input('o3', 'openai', '2025-06-10T00:00:00Z')).toBe(perMillion('2'))
  const deepseek = catalogue.providers.get('deepseek')?.models.find(({ model }) => model === 'deepseek-chat')?.prices
  const [night, day] = [deepseek?.[0]?.rates.input, deepseek?.[1]?.rates.input]
  expect(night).not.toBe(day)
  expect(input('deepseek-chat', 'deepseek', '2025-04-01T00:29:59.999Z')).toBe(night)
  expect(input('deepseek-chat', 'deepseek', '2025-04-01T00:30:00Z')).toBe(day)
  expect(input('deepseek-chat', 'deepseek', '2025-04-01T16:29:59.999Z')).toBe(day)
  expect(input('deepseek-chat', 'deepseek', '2025-04-01T16:30:00Z')).toBe(night)
})

test('an unknown model stays unpriced however often it is asked for, and floods do not displace the answers', () => {
  const book = priceBook([], catalogue)
  for (let i = 0; i < 3; i++) expect(book.resolve('acme', 'a1', NOW)).toBeUndefined()
  for (let i = 0; i < 20_001; i++) book.resolve('acme', `made-up-${i}`, NOW)
  expect(book.resolve('acme', 'made-up-5', NOW)).toBeUndefined()
  expect(book.resolve('openai', 'gpt-4', NOW)?.source).toBe('seed')
})

test('10,000 look-ups take under 5 ms', () => {
  const book = priceBook([], catalogue)
  const models = ['gpt-4', 'gpt-4o', 'unknown', 'o3']
  const time = NOW.epochMilliseconds
  const once = (): number => {
    const start = performance.now()
    for (let i = 0; i < 10_000; i++) book.resolve('openai', models[i % 4] ?? '', time)
    return performance.now() - start
  }
  expect(Math.min(...Array.from({ length: 20 }, once))).toBeLessThan(5)
})

// The prices a fresh installation must start with, in USD per million tokens.
test.each([
  ['openai', 'gpt-4', '30', '60'],
  ['openai', 'gpt-4-32k', '60', '120'],
  ['openai', 'gpt-4-turbo', '10', '30'],
  ['openai', 'gpt-3.5-turbo', '0.50', '1.50'],
  ['anthropic', 'claude-3-opus', '15', '75'],
  ['anthropic', 'claude-3-sonnet', '3', '15'],
  ['anthropic', 'claude-3-haiku', '0.25', '1.25'],
  ['cohere', 'command', '1', '2'],
])('the seed prices %s %s at %s in and %s out, and the catalogue agrees', (provider, model, input, output) => {
  const seed = SEED_PRICES.find((price) => price.provider === provider && price.model === model)
  expect(seed?.rates).toMatchObject({ input: perMillion(input), output: perMillion(output) })
  // Cached rates included: a seed without them would bill cached tokens in full.
  const listed = catalogue.prices.find(
    (price) => price.provider === provider && (price.model === model || price.model === `${model}-latest`),
  )
  expect(listed?.rates).toEqual(seed?.rates)
})
