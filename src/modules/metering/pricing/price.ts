import type { TokenUsage } from './usage.ts'

/** Prices per token in pico-USD (10⁻¹² USD); a class without its own price costs what its total costs. */
export type TokenRates = {
  readonly input: bigint
  readonly output: bigint
  readonly cachedInput?: bigint
  readonly cacheWrite?: bigint
  readonly reasoning?: bigint
}

/** The whole request, output included, is at the tier's rates once its total input EXCEEDS the threshold. */
export type ContextTier = TokenRates & { readonly aboveInputTokens: number }

/** `tiers` in any order: the highest threshold that is exceeded holds. `request` is pico-USD per call. */
export type Rates = TokenRates & { readonly tiers?: readonly ContextTier[]; readonly request?: bigint }

/** The rates that hold for a request of this size. */
export function ratesFor(inputTokens: number, rates: Rates): TokenRates {
  const { tiers } = rates
  if (tiers === undefined) return rates
  let held: TokenRates = rates
  let threshold = -1
  for (const tier of tiers) {
    if (inputTokens > tier.aboveInputTokens && tier.aboveInputTokens > threshold) {
      held = tier
      threshold = tier.aboveInputTokens
    }
  }
  return held
}

/** Cost of the tokens in pico-USD, exact: every token is billed in one class only. Needs a usage without a problem. */
export function costOf(usage: TokenUsage, rates: Rates): bigint {
  const { inputTokens, outputTokens, cachedInputTokens: cached, cacheWriteTokens: write, reasoningTokens: reasoning } = usage
  const held = ratesFor(inputTokens, rates)
  const uncached = inputTokens - write - cached
  const answer = outputTokens - reasoning
  if (uncached < 0 || answer < 0) throw new RangeError('part of a usage exceeds its total; check usageProblem before pricing')
  const { input, output } = held
  const sum =
    uncached * Number(input) +
    answer * Number(output) +
    (cached === 0 ? 0 : cached * Number(held.cachedInput ?? input)) +
    (write === 0 ? 0 : write * Number(held.cacheWrite ?? input)) +
    (reasoning === 0 ? 0 : reasoning * Number(held.reasoning ?? output))
  // No term is negative, so a float sum of at most 2⁵³ − 1 proves that every product and partial sum in it was exact.
  if (sum <= Number.MAX_SAFE_INTEGER) return BigInt(sum)
  return (
    BigInt(uncached) * input +
    BigInt(answer) * output +
    BigInt(cached) * (held.cachedInput ?? input) +
    BigInt(write) * (held.cacheWrite ?? input) +
    BigInt(reasoning) * (held.reasoning ?? output)
  )
}

/** Cost of one event: its tokens and, where the model has a price per call, the calls. */
export const costOfCalls = (usage: TokenUsage, rates: Rates, calls = 1): bigint =>
  rates.request === undefined ? costOf(usage, rates) : costOf(usage, rates) + rates.request * BigInt(calls)
