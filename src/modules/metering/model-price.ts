import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import { type AppError, unprocessable } from '../../platform/errors.ts'
import type { Rates, TokenRates } from './pricing/price.ts'

export interface ModelPrice {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly effectiveFrom: Temporal.Instant
  readonly source: 'seed' | 'operator'
  readonly rates: Rates
}

/** Decimal USD per million tokens, as people write them and as they are stored. */
export interface PerMillion {
  readonly input_per_mtok: string
  readonly output_per_mtok: string
  readonly cached_input_per_mtok?: string
  readonly cache_write_per_mtok?: string
  readonly reasoning_per_mtok?: string
}

export interface StatedRates extends PerMillion {
  /** For each call, besides its tokens. */
  readonly per_call?: string
  readonly tiers?: readonly (PerMillion & { readonly above_input_tokens: number })[]
}

const DIGITS_OF_A_MILLION = 6

const perToken = (usd: string, field: string): bigint => {
  try {
    // A price with at most six decimals a million is a whole number of 10⁻¹² dollars a token: nothing is rounded.
    return parseDecimal(usd, DIGITS_OF_A_MILLION)
  } catch {
    throw finer(usd, field)
  }
}

const finer = (usd: string, field: string): AppError =>
  unprocessable(
    'price_too_fine',
    `${field} is ${usd}; a price per million tokens has at most six decimals, which is 10⁻¹² dollars a token`,
  )

const tokenRates = (stated: PerMillion): TokenRates => {
  const optional = (field: keyof PerMillion, name: 'cachedInput' | 'cacheWrite' | 'reasoning') => {
    const usd = stated[field]
    return usd === undefined ? {} : { [name]: perToken(usd, field) }
  }
  return {
    input: perToken(stated.input_per_mtok, 'input_per_mtok'),
    output: perToken(stated.output_per_mtok, 'output_per_mtok'),
    ...optional('cached_input_per_mtok', 'cachedInput'),
    ...optional('cache_write_per_mtok', 'cacheWrite'),
    ...optional('reasoning_per_mtok', 'reasoning'),
  }
}

/** Stated prices → pico-dollars a token. Throws 422 `price_too_fine`. */
export const ratesFrom = (stated: StatedRates): Rates => ({
  ...tokenRates(stated),
  ...(stated.tiers === undefined
    ? {}
    : { tiers: stated.tiers.map((tier) => ({ ...tokenRates(tier), aboveInputTokens: tier.above_input_tokens })) }),
  ...(stated.per_call === undefined ? {} : { request: parseDecimal(stated.per_call) }),
})

const perMillion = (pico: bigint): string => formatDecimal(pico, DIGITS_OF_A_MILLION)

const statedTokens = ({ input, output, cachedInput, cacheWrite, reasoning }: TokenRates): PerMillion => ({
  input_per_mtok: perMillion(input),
  output_per_mtok: perMillion(output),
  ...(cachedInput === undefined ? {} : { cached_input_per_mtok: perMillion(cachedInput) }),
  ...(cacheWrite === undefined ? {} : { cache_write_per_mtok: perMillion(cacheWrite) }),
  ...(reasoning === undefined ? {} : { reasoning_per_mtok: perMillion(reasoning) }),
})

/** The inverse of `ratesFrom`. */
export const statedFrom = (rates: Rates): StatedRates => ({
  ...statedTokens(rates),
  ...(rates.request === undefined ? {} : { per_call: formatDecimal(rates.request) }),
  ...(rates.tiers === undefined
    ? {}
    : { tiers: rates.tiers.map((tier) => ({ ...statedTokens(tier), above_input_tokens: tier.aboveInputTokens })) }),
})
