import type { ConditionalPrice, MatchLogic, ModelInfo, Provider } from '@pydantic/genai-prices'
import { waitForUpdate } from '@pydantic/genai-prices'
import type { AdjustedPrice } from './catalogue-rates.ts'
import { ratesOf } from './catalogue-rates.ts'
import type { DailyWindow } from './daily-window.ts'
import { dailyWindow } from './daily-window.ts'
import type { Rates } from './price.ts'

export type CataloguePrice = {
  readonly provider: string
  readonly model: string
  readonly match: MatchLogic
  readonly rates: Rates
  /** Absent: since ever. */
  readonly effectiveFrom?: Temporal.Instant
  /** Absent: all day. */
  readonly daily?: DailyWindow
}

/** `prices` is in the data's order: the LAST one that holds at the time is the price. Empty: known, but not priced by token. */
export type CatalogueModel = {
  readonly provider: string
  readonly model: string
  readonly match: MatchLogic
  readonly prices: readonly CataloguePrice[]
}

export type CatalogueProvider = {
  readonly id: string
  readonly providerMatch?: MatchLogic
  readonly modelMatch?: MatchLogic
  /** Sellers of other makers' models (azure, google): looked at for models they do not list themselves. */
  readonly resells: readonly string[]
  readonly models: readonly CatalogueModel[]
}

type Named = { readonly provider: string; readonly model: string }

export type Catalogue = {
  readonly providers: ReadonlyMap<string, CatalogueProvider>
  readonly prices: readonly CataloguePrice[]
  /** Models that stay unpriced, and why. */
  readonly refused: readonly (Named & { readonly reason: string })[]
  /** Prices that were not whole pico-USD, and what they were taken for. */
  readonly adjusted: readonly (Named & AdjustedPrice)[]
}

const conditional = (model: ModelInfo): readonly ConditionalPrice[] =>
  Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]

type When = Pick<CataloguePrice, 'effectiveFrom' | 'daily'>

function whenOf({ constraint }: ConditionalPrice): When {
  if (constraint === undefined) return {}
  if (constraint.type === 'start_date') return { effectiveFrom: Temporal.Instant.from(`${constraint.start_date}T00:00:00Z`) }
  return { daily: dailyWindow(constraint.start_time, constraint.end_time) }
}

/** Our catalogue of the provider data: pure, and the same for the same data. */
export function catalogueOf(data: readonly Provider[]): Catalogue {
  const refused: (Named & { reason: string })[] = []
  const adjusted: (Named & AdjustedPrice)[] = []
  const modelOf = (provider: string, info: ModelInfo): CatalogueModel => {
    const named = { provider, model: info.id, match: info.match }
    const prices: CataloguePrice[] = []
    for (const price of conditional(info)) {
      const reading = ratesOf(price.prices, info.id)
      if ('refused' in reading) {
        // A gap in time would bill an older price as if it still held, so one unreadable price refuses the model.
        refused.push({ provider, model: info.id, reason: reading.refused })
        return { ...named, prices: [] }
      }
      prices.push({ ...named, rates: reading.rates, ...whenOf(price) })
      adjusted.push(...reading.adjusted.map((change) => ({ provider, model: info.id, ...change })))
    }
    return { ...named, prices }
  }
  const providers = new Map(
    data.map((provider): [string, CatalogueProvider] => [
      provider.id,
      {
        id: provider.id,
        ...(provider.provider_match && { providerMatch: provider.provider_match }),
        ...(provider.model_match && { modelMatch: provider.model_match }),
        resells: provider.fallback_model_providers ?? [],
        models: provider.models.map((model) => modelOf(provider.id, model)),
      },
    ]),
  )
  const prices = [...providers.values()].flatMap((provider) => provider.models.flatMap((model) => model.prices))
  return { providers, prices, refused, adjusted }
}

/** The catalogue of the data that the package carries; nothing is fetched. */
export async function bundledCatalogue(): Promise<Catalogue> {
  const data = await waitForUpdate()
  if (!data) throw new Error('the package @pydantic/genai-prices carries no price data; install version 0.1.8 of it')
  return catalogueOf(data)
}
