import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Rates, TokenRates } from './price.ts'
import { costOf, costOfCalls, ratesFor } from './price.ts'
import { perMillion } from './seed.ts'
import type { TokenUsage } from './usage.ts'
import { completeUsage } from './usage.ts'

const usd = (amount: string): bigint => perMillion(amount) * 1_000_000n
const roundedTo4 = (pico: bigint): string => (Number((pico + 50_000_000n) / 100_000_000n) / 1e4).toFixed(4)

const flat = (input: string, output: string, cached?: string): Rates => ({
  input: perMillion(input),
  output: perMillion(output),
  ...(cached !== undefined && { cachedInput: perMillion(cached) }),
})

test('cached tokens are part of the input and billed once, at their own rate', () => {
  // billing.json llm_cost-03: BerriAI/litellm#14849; 0.7642 is the bill when the cached tokens are counted twice
  const litellm = completeUsage({ inputTokens: 262_960, cachedInputTokens: 257_955, outputTokens: 1_744 })
  expect(roundedTo4(costOf(litellm, flat('1.25', '10', '0.625')))).toBe('0.1849')
  // billing.json llm_cost-04: earendil-works/pi PR #2148
  const pi = completeUsage({ inputTokens: 20_212, cachedInputTokens: 16_298, outputTokens: 931 })
  expect(roundedTo4(costOf(pi, flat('0.5', '3', '0.05')))).toBe('0.0056')
  // billing.json llm_cost-05: Osmantic/ODS PR #2519; 3.625 is the wrong answer seen there
  const ods = completeUsage({ inputTokens: 1_000_000, cachedInputTokens: 900_000, outputTokens: 0 })
  expect(costOf(ods, flat('2.5', '10', '1.25'))).toBe(usd('1.375'))
})

test('a request without cached tokens costs input plus output', () => {
  // billing.json llm_cost-06: Aider-AI/aider:aider/website/assets/sample-analytics.jsonl
  expect(costOf(completeUsage({ inputTokens: 10_006, outputTokens: 81 }), flat('1.25', '10'))).toBe(13_317_500_000n)
})

test('a class without its own rate costs what its total costs', () => {
  const usage = completeUsage({
    inputTokens: 100,
    cachedInputTokens: 30,
    cacheWriteTokens: 20,
    outputTokens: 50,
    reasoningTokens: 40,
  })
  expect(costOf(usage, { input: 3n, output: 7n })).toBe(100n * 3n + 50n * 7n)
  expect(costOf(usage, { input: 3n, output: 7n, cachedInput: 1n, cacheWrite: 4n, reasoning: 5n })).toBe(
    50n * 3n + 30n + 80n + 70n + 200n,
  )
})

test('a context tier holds for the whole request, and only above its threshold', () => {
  const rates: Rates = {
    input: 1n,
    output: 2n,
    // Out of order on purpose: the highest threshold that is exceeded holds.
    tiers: [
      { aboveInputTokens: 500, input: 100n, output: 200n },
      { aboveInputTokens: 200, input: 10n, output: 20n },
    ],
  }
  expect(costOf(completeUsage({ inputTokens: 200, outputTokens: 1 }), rates)).toBe(202n)
  expect(costOf(completeUsage({ inputTokens: 201, outputTokens: 1 }), rates)).toBe(2_030n)
  expect(costOf(completeUsage({ inputTokens: 501, outputTokens: 1 }), rates)).toBe(50_300n)
  // Cached tokens count for the size of the context.
  expect(costOf(completeUsage({ inputTokens: 201, cachedInputTokens: 201, outputTokens: 0 }), rates)).toBe(2_010n)
})

test('a price per call is added once per call and does not depend on tokens', () => {
  const usage = completeUsage({ inputTokens: 10, outputTokens: 0 })
  const rates: Rates = { input: 1n, output: 1n, request: 12_000_000_000n }
  expect(costOfCalls(usage, rates)).toBe(12_000_000_010n)
  expect(costOfCalls(usage, rates, 3)).toBe(36_000_000_010n)
  expect(costOfCalls(usage, { input: 1n, output: 1n })).toBe(10n)
})

test('a usage whose parts exceed the total is never priced', () => {
  expect(() => costOf({ ...completeUsage({ inputTokens: 1, outputTokens: 0 }), cachedInputTokens: 2 }, flat('1', '1'))).toThrow(
    RangeError,
  )
  expect(() => costOf({ ...completeUsage({ inputTokens: 0, outputTokens: 1 }), reasoningTokens: 2 }, flat('1', '1'))).toThrow(
    RangeError,
  )
})

// From one token to far above 2⁵³ pico-USD, so that both ways of computing are taken.
const tokens = fc.oneof(fc.nat(5_000), fc.nat(2_000_000_000), fc.constant(Number.MAX_SAFE_INTEGER))
const usages: fc.Arbitrary<TokenUsage> = fc
  .tuple(tokens, tokens, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([inputTokens, outputTokens, a, b]) => {
    const cachedInputTokens = Math.floor(inputTokens * a)
    return {
      inputTokens,
      outputTokens,
      cachedInputTokens,
      cacheWriteTokens: Math.floor((inputTokens - cachedInputTokens) * b),
      reasoningTokens: Math.floor(outputTokens * b),
    }
  })
const rate = fc.oneof(fc.bigInt(0n, 200_000_000n), fc.bigInt(0n, 10n ** 20n))
const tokenRates = fc.record(
  { input: rate, output: rate, cachedInput: rate, cacheWrite: rate, reasoning: rate },
  { requiredKeys: ['input', 'output'] },
)
const tiered = fc
  .tuple(tokenRates, fc.array(fc.tuple(fc.nat(3_000), tokenRates), { maxLength: 3 }))
  .map(([base, tiers]): Rates => ({ ...base, tiers: tiers.map(([aboveInputTokens, rates]) => ({ aboveInputTokens, ...rates })) }))

const reference = (usage: TokenUsage, rates: TokenRates): bigint => {
  const [input, output, cached, write, reasoning] = [
    usage.inputTokens,
    usage.outputTokens,
    usage.cachedInputTokens,
    usage.cacheWriteTokens,
    usage.reasoningTokens,
  ].map(BigInt)
  if (input === undefined || output === undefined || cached === undefined || write === undefined || reasoning === undefined)
    return -1n
  const parts = [
    (input - cached - write) * rates.input,
    cached * (rates.cachedInput ?? rates.input),
    write * (rates.cacheWrite ?? rates.input),
    (output - reasoning) * rates.output,
    reasoning * (rates.reasoning ?? rates.output),
  ]
  return parts.reduce((sum, cost) => sum + cost, 0n)
}

test('the cost equals a sum in whole numbers only, whatever the size', () => {
  fc.assert(
    fc.property(usages, tiered, (usage, rates) => costOf(usage, rates) === reference(usage, ratesFor(usage.inputTokens, rates))),
    { numRuns: 2_000 },
  )
})

test('two requests cost the same as their sum', () => {
  const small = usages.filter((usage) => usage.inputTokens < 2 ** 40 && usage.outputTokens < 2 ** 40)
  fc.assert(
    fc.property(small, small, tokenRates, (a, b, rates) => {
      const sum = {
        inputTokens: a.inputTokens + b.inputTokens,
        outputTokens: a.outputTokens + b.outputTokens,
        cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
        cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
        reasoningTokens: a.reasoningTokens + b.reasoningTokens,
      }
      return costOf(sum, rates) === costOf(a, rates) + costOf(b, rates)
    }),
  )
})

test('reading from the cache never costs more when its rate is no higher than the input rate', () => {
  fc.assert(
    fc.property(usages, tokenRates, (usage, rates) => {
      const cheap = {
        ...rates,
        cachedInput: rates.input < (rates.cachedInput ?? 0n) ? rates.input : (rates.cachedInput ?? rates.input),
      }
      return costOf(usage, cheap) <= costOf({ ...usage, cachedInputTokens: 0 }, cheap)
    }),
  )
})

test('10,000 events are priced in under 5 ms', () => {
  const rates = { ...flat('1.25', '10', '0.125'), tiers: [{ aboveInputTokens: 200_000, ...flat('2.5', '15', '0.25') }] }
  const events = Array.from({ length: 10_000 }, (_, i) =>
    completeUsage({ inputTokens: 1_000 + i, outputTokens: 300, cachedInputTokens: i % 700, reasoningTokens: i % 100 }),
  )
  const once = (): number => {
    const start = performance.now()
    let sum = 0n
    for (const usage of events) sum += costOf(usage, rates)
    expect(sum).toBeGreaterThan(0n)
    return performance.now() - start
  }
  // The best of several: the machine may be busy with something else.
  expect(Math.min(...Array.from({ length: 20 }, once))).toBeLessThan(5)
})
