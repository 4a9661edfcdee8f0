import { type AppError, unprocessable } from '../../platform/errors.ts'
import type { PriceBooks } from './price-book-cache.ts'
import { costOfCalls } from './pricing/price.ts'
import type { PriceBook } from './pricing/resolve.ts'
import { type TokenUsage, usageProblem } from './pricing/usage.ts'

/** The tokens of one call, as callers tell them; what is left out is none. */
export interface StatedTokens {
  readonly input_tokens?: number | undefined
  readonly cached_input_tokens?: number | undefined
  readonly cache_write_tokens?: number | undefined
  readonly output_tokens?: number | undefined
  readonly reasoning_tokens?: number | undefined
}

/** One call of a model. */
export interface ModelUse extends StatedTokens {
  readonly provider?: string | undefined
  readonly model: string
}

/** Checked beyond the schema. Throws what `fail` makes of cached_exceeds_input, reasoning_exceeds_output. */
export const tokensOf = (stated: StatedTokens, fail: (code: string, detail: string) => AppError): TokenUsage => {
  const tokens: TokenUsage = {
    inputTokens: stated.input_tokens ?? 0,
    cachedInputTokens: stated.cached_input_tokens ?? 0,
    cacheWriteTokens: stated.cache_write_tokens ?? 0,
    outputTokens: stated.output_tokens ?? 0,
    reasoningTokens: stated.reasoning_tokens ?? 0,
  }
  const problem = usageProblem(tokens)
  if (problem) throw fail(problem.code, problem.message)
  return tokens
}

/** What one call costs by the prices of that time, in 10^-12 dollars; undefined: its model has no price. */
export const costOfCall = (
  book: PriceBook,
  { provider, model }: Pick<ModelUse, 'provider' | 'model'>,
  tokens: TokenUsage,
  at: Temporal.Instant | number,
): bigint | undefined => {
  const price = book.resolve(provider, model, at)
  return price && costOfCalls(tokens, price.rates)
}

export type PriceUse = (use: ModelUse, at: Temporal.Instant) => Promise<bigint>

/**
 * Prices a call of a model as an event of that instant would be, in 10^-12 dollars; records nothing. Where prices are known it waits no longer than
 * `waitMs` for a look at them.
 * Throws 422 `model_unpriced`, `cached_exceeds_input`, `reasoning_exceeds_output`.
 */
export const usePricing =
  ({ prices, waitMs }: { readonly prices: Pick<PriceBooks, 'atHand'>; readonly waitMs: number }): PriceUse =>
  async (use, at) => {
    const tokens = tokensOf(use, unprocessable)
    const cost = costOfCall(await prices.atHand(waitMs), use, tokens, at)
    if (cost === undefined) {
      const name = use.provider === undefined ? use.model : `${use.provider}/${use.model}`
      throw unprocessable('model_unpriced', `${name} has no price; set one under /model-prices, or state the cost yourself`)
    }
    return cost
  }
