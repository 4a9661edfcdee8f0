import type { Catalogue, CataloguePrice } from './catalogue.ts'
import type { FoundModel } from './catalogue-model.ts'
import { findCatalogueModel } from './catalogue-model.ts'
import type { DailyWindow } from './daily-window.ts'
import { inWindow } from './daily-window.ts'
import type { Rates } from './price.ts'
import type { NamedModel } from './provider-name.ts'
import { namedModel, providerName } from './provider-name.ts'
import { SEED_PRICES } from './seed.ts'

export type PriceSource = 'operator' | 'seed' | 'catalogue'

/** A stored price; absent `source` is the operator's, absent `effectiveFrom` holds since ever. */
export type PriceEntry = {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly rates: Rates
  readonly effectiveFrom?: Temporal.Instant
  readonly source?: PriceSource
}

/** `provider` and `model` name the price that was found, not the event. */
export type ResolvedPrice = {
  readonly priceId: string
  readonly source: PriceSource
  readonly provider: string
  readonly model: string
  readonly rates: Rates
}

export type PriceBook = {
  /** The price at the time (milliseconds decide), or undefined: the event is unpriced. */
  readonly resolve: (provider: string | undefined, model: string, at: Temporal.Instant | number) => ResolvedPrice | undefined
}

type Candidate = { readonly from: number; readonly daily?: DailyWindow; readonly price: ResolvedPrice }

// Names come from callers: without a bound, made-up models would fill the memory.
const MAX_REMEMBERED = 10_000
const SOURCES = ['operator', 'seed', 'catalogue'] as const satisfies readonly PriceSource[]
const DATE_SUFFIX = /-(?:\d{4}-\d{2}-\d{2}|\d{8})$/

const keyOf = (provider: string, model: string): string => `${provider}\n${model}`
const startOf = (instant: Temporal.Instant | undefined): number => instant?.epochMilliseconds ?? Number.NEGATIVE_INFINITY

const seedEntries = (): readonly PriceEntry[] =>
  SEED_PRICES.map((price) => ({ ...price, id: `seed:${price.provider}/${price.model}`, source: 'seed' }))

function shelve(entries: readonly PriceEntry[]): ReadonlyMap<string, readonly PriceEntry[]> {
  const shelves = new Map<string, PriceEntry[]>()
  for (const entry of entries) {
    const { provider, model } = entryName(entry)
    const key = keyOf(provider, model)
    const shelf = shelves.get(key)
    if (shelf) shelf.push(entry)
    else shelves.set(key, [entry])
  }
  // Newest first; of two with the same start the later entry wins.
  for (const [key, shelf] of shelves)
    shelves.set(
      key,
      shelf.reverse().sort((a, b) => Math.sign(startOf(b.effectiveFrom) - startOf(a.effectiveFrom)) || 0),
    )
  return shelves
}

function entryName(entry: PriceEntry): { provider: string; model: string } {
  const provider = providerName(entry.provider) ?? entry.provider.trim().toLowerCase()
  return { provider, model: namedModel(provider, entry.model, (name) => name === provider).model }
}

const asCandidate = (entry: PriceEntry): Candidate => ({
  from: startOf(entry.effectiveFrom),
  price: {
    priceId: entry.id,
    source: entry.source ?? 'operator',
    provider: entry.provider,
    model: entry.model,
    rates: entry.rates,
  },
})

function catalogueCandidate({ provider, model, rates, effectiveFrom, daily }: CataloguePrice): Candidate {
  const since = effectiveFrom ? `@${effectiveFrom}` : daily ? `@${daily.from}-${daily.to}` : ''
  return {
    from: startOf(effectiveFrom),
    ...(daily && { daily }),
    price: { priceId: `catalogue:${provider}/${model}${since}`, source: 'catalogue', provider, model, rates },
  }
}

const holds = ({ from, daily }: Candidate, at: number): boolean => from <= at && (daily === undefined || inWindow(daily, at))

/**
 * All prices in memory: the operator's, then the seed's, then the catalogue's. Within one source the event's own name goes
 * first, then the same without its date, then the catalogue's name for the same model.
 */
export function priceBook(entries: readonly PriceEntry[], catalogue: Catalogue): PriceBook {
  const shelves = shelve([...seedEntries(), ...entries])
  const providers = new Set([...catalogue.providers.keys(), ...[...shelves.keys()].map((key) => key.slice(0, key.indexOf('\n')))])

  const namesOf = (named: NamedModel, found: FoundModel | undefined): ReadonlySet<string> => {
    const { provider, model } = named
    const names = new Set(provider === undefined ? [] : [keyOf(provider, model)])
    if (!found) return names
    names.add(keyOf(found.provider, model))
    const undated = model.replace(DATE_SUFFIX, '')
    if (findCatalogueModel(catalogue, found.provider, undated)?.entry === found.entry) names.add(keyOf(found.provider, undated))
    return names.add(keyOf(found.provider, found.entry.model.toLowerCase()))
  }

  const candidatesOf = (provider: string | undefined, model: string): readonly Candidate[] => {
    const found = findCatalogueModel(catalogue, provider, model)
    const names = namesOf(
      namedModel(provider, model, (name) => providers.has(name)),
      found,
    )
    const stored = [...names].flatMap((name) => shelves.get(name) ?? [])
    return [
      ...SOURCES.flatMap((source) => stored.filter((entry) => (entry.source ?? 'operator') === source).map(asCandidate)),
      ...(found?.entry.prices ?? []).map(catalogueCandidate).reverse(),
    ]
  }

  const known = new Map<string, Map<string, readonly Candidate[]>>()
  let remembered = 0
  const remember = (provider: string, model: string, candidates: readonly Candidate[]): void => {
    if (remembered >= MAX_REMEMBERED) {
      known.clear()
      remembered = 0
    }
    remembered += 1
    const models = known.get(provider)
    if (models) models.set(model, candidates)
    else known.set(provider, new Map([[model, candidates]]))
  }

  return {
    resolve: (provider, model, at) => {
      const name = provider ?? ''
      let candidates = known.get(name)?.get(model)
      if (candidates === undefined) {
        candidates = candidatesOf(provider, model)
        remember(name, model, candidates)
      }
      const time = typeof at === 'number' ? at : at.epochMilliseconds
      for (const candidate of candidates) if (holds(candidate, time)) return candidate.price
      return undefined
    },
  }
}
