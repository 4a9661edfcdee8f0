import { parseDecimal } from '../../../lib/decimal.ts'
import type { Rates } from './price.ts'

export type SeedPrice = { readonly provider: string; readonly model: string; readonly rates: Rates }

/** USD per million tokens, a decimal string, to pico-USD per token: '0.075' is 75,000. Throws when finer than a pico. */
export function perMillion(usd: string): bigint {
  const pico = parseDecimal(usd, 6)
  if (pico < 0n) throw new RangeError(`'${usd}' is negative; a price in USD per million tokens is 0 or more`)
  return pico
}

// USD per million tokens: input, output and, where the provider has them, cache read and cache write.
const SEED = [
  ['openai', 'gpt-4', '30', '60'],
  ['openai', 'gpt-4-32k', '60', '120'],
  ['openai', 'gpt-4-turbo', '10', '30'],
  ['openai', 'gpt-3.5-turbo', '0.50', '1.50'],
  ['anthropic', 'claude-3-opus', '15', '75', '1.5', '18.75'],
  ['anthropic', 'claude-3-sonnet', '3', '15', '0.3', '3.75'],
  ['anthropic', 'claude-3-haiku', '0.25', '1.25', '0.03', '0.3'],
  ['cohere', 'command', '1', '2'],
] as const satisfies readonly (readonly [string, string, string, string, string?, string?])[]

/** The prices a fresh installation starts with; they hold since ever, until the operator sets others. */
export const SEED_PRICES: readonly SeedPrice[] = SEED.map(([provider, model, input, output, read, write]) => ({
  provider,
  model,
  rates: {
    input: perMillion(input),
    output: perMillion(output),
    ...(read === undefined ? {} : { cachedInput: perMillion(read) }),
    ...(write === undefined ? {} : { cacheWrite: perMillion(write) }),
  },
}))
