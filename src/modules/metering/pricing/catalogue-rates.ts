import type { ModelPrice } from '@pydantic/genai-prices'
import { divRound } from '../../../lib/money.ts'
import { decimalOfFloat, scaledExactly } from './float-decimal.ts'
import type { ContextTier, Rates, TokenRates } from './price.ts'

/** A price of the data that is no whole number of pico-USD per unit, and the one it was taken for. */
export type AdjustedPrice = { readonly key: string; readonly price: string; readonly pico: bigint }

export type RatesReading =
  | { readonly rates: Rates; readonly adjusted: readonly AdjustedPrice[] }
  | { readonly refused: 'no_token_price' | 'not_a_price' }

const KEYS = {
  input: 'input_mtok',
  output: 'output_mtok',
  cachedInput: 'cache_read_mtok',
  cacheWrite: 'cache_write_mtok',
  reasoning: 'output_reasoning_mtok',
} as const

// USD per million tokens × 10⁶ and USD per thousand calls × 10⁹ are pico-USD per unit.
const TOKEN_POWER = 6
const CALL_POWER = 9

type Priced = { readonly base: number; readonly tiers: readonly { start: number; price: number }[] }

const priced = (value: ModelPrice[string]): Priced | undefined =>
  value === undefined ? undefined : typeof value === 'number' ? { base: value, tiers: [] } : value

const priceAbove = (price: Priced, start: number): number => {
  const reached = price.tiers.filter((tier) => tier.start <= start).sort((a, b) => b.start - a.start)
  return reached[0]?.price ?? price.base
}

/** Binary float noise (0.18000000000000002) is dropped at 12 digits; what is left over (1/12) is rounded to the pico and told. */
function picoOf(key: string, price: number, power: number, adjusted: AdjustedPrice[]): bigint | undefined {
  const told = decimalOfFloat(String(price))
  if (!told || price < 0) return undefined
  const exact = scaledExactly(told, power)
  if (exact !== undefined) return exact
  const clean = decimalOfFloat(price.toPrecision(12)) ?? told
  const pico = scaledExactly(clean, power) ?? divRound(clean.digits * 10n ** BigInt(power), 10n ** BigInt(clean.scale))
  adjusted.push({ key, price: String(price), pico })
  return pico
}

/**
 * Our rates for one price of the data. The data's tiers are per price and compare the request's total input with
 * `input > start`; ours hold all rates of a threshold together, so every threshold of any price becomes one tier.
 * A model without an output price bills output as input (old completion models had one price for both; embeddings
 * have no output). No price at all means free only where the id says ':free'; otherwise it is unknown, not zero.
 */
export function ratesOf(prices: ModelPrice, modelId: string): RatesReading {
  const input = priced(prices[KEYS.input])
  if (!input && modelId.endsWith(':free') && Object.keys(prices).length === 0)
    return { rates: { input: 0n, output: 0n }, adjusted: [] }
  if (!input) return { refused: 'no_token_price' }
  const classes = { input, output: priced(prices[KEYS.output]) ?? input }
  const optional = {
    cachedInput: priced(prices[KEYS.cachedInput]),
    cacheWrite: priced(prices[KEYS.cacheWrite]),
    reasoning: priced(prices[KEYS.reasoning]),
  }
  const adjusted: AdjustedPrice[] = []
  let broken = false
  const pico = (key: string, price: number, power: number): bigint => {
    const value = picoOf(key, price, power, adjusted)
    if (value === undefined) broken = true
    return value ?? 0n
  }
  const ratesAt = (start: number): TokenRates => {
    const at = (name: keyof typeof KEYS, price: Priced) => pico(KEYS[name], priceAbove(price, start), TOKEN_POWER)
    const { cachedInput, cacheWrite, reasoning } = optional
    return {
      input: at('input', classes.input),
      output: at('output', classes.output),
      ...(cachedInput && { cachedInput: at('cachedInput', cachedInput) }),
      ...(cacheWrite && { cacheWrite: at('cacheWrite', cacheWrite) }),
      ...(reasoning && { reasoning: at('reasoning', reasoning) }),
    }
  }
  const all = [classes.input, classes.output, ...Object.values(optional).filter((price) => price !== undefined)]
  const starts = [...new Set(all.flatMap((price) => price.tiers.map((tier) => tier.start)))].sort((a, b) => a - b)
  const base = ratesAt(-1)
  const tiers: ContextTier[] = starts.map((start) => ({ aboveInputTokens: start, ...ratesAt(start) }))
  const calls = prices.requests_kcount
  const request =
    calls === undefined ? undefined : typeof calls === 'number' ? pico('requests_kcount', calls, CALL_POWER) : undefined
  if (broken || (calls !== undefined && request === undefined)) return { refused: 'not_a_price' }
  return {
    rates: { ...base, ...(tiers.length > 0 && { tiers }), ...(request !== undefined && { request }) },
    adjusted,
  }
}
