import type { MatchLogic } from '@pydantic/genai-prices'
import type { Catalogue, CatalogueModel, CatalogueProvider } from './catalogue.ts'
import { namedModel, providerName } from './provider-name.ts'

/** `provider` is who sells (azure), `entry.provider` whose price list it is (openai); usually the same. */
export type FoundModel = { readonly provider: string; readonly entry: CatalogueModel }

/** Whether the name fits; case never matters. */
function matches(logic: MatchLogic, name: string): boolean {
  const text = name.toLowerCase()
  if ('or' in logic) return logic.or.some((part) => matches(part, text))
  if ('and' in logic) return logic.and.every((part) => matches(part, text))
  if ('equals' in logic) return text === logic.equals.toLowerCase()
  if ('starts_with' in logic) return text.startsWith(logic.starts_with.toLowerCase())
  if ('ends_with' in logic) return text.endsWith(logic.ends_with.toLowerCase())
  if ('contains' in logic) return text.includes(logic.contains.toLowerCase())
  return new RegExp(logic.regex).test(text)
}

const COMPACT_DATE = /-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g

/** Gateways write gpt-4o-20240806 for gpt-4o-2024-08-06. */
const withDashes = (model: string): string => model.replace(COMPACT_DATE, '-$1-$2-$3')

const listed = (provider: CatalogueProvider, model: string): CatalogueModel | undefined =>
  provider.models.find((entry) => matches(entry.match, model))

function sold(catalogue: Catalogue, provider: CatalogueProvider, model: string): CatalogueModel | undefined {
  const own = listed(provider, model)
  if (own) return own
  for (const id of provider.resells) {
    const maker = catalogue.providers.get(id)
    const entry = maker && listed(maker, model)
    if (entry) return entry
  }
  return undefined
}

/** A path whose first part is no provider ('ollama/claude-v2') is somebody's own model, unless a maker claims such paths. */
const claims = (logic: MatchLogic, model: string): boolean =>
  model.includes('/') && !('starts_with' in logic && logic.starts_with.includes('/')) ? false : matches(logic, model)

function sellerOf(catalogue: Catalogue, provider: string | undefined, model: string): CatalogueProvider | undefined {
  const all = [...catalogue.providers.values()]
  if (provider === undefined) return all.find(({ modelMatch }) => modelMatch && claims(modelMatch, model))
  return catalogue.providers.get(provider) ?? all.find(({ providerMatch }) => providerMatch && matches(providerMatch, provider))
}

/**
 * The catalogue's model for the names an event carries; undefined when the catalogue does not know it.
 * A named provider that is unknown finds nothing: its prices are not somebody else's.
 */
export function findCatalogueModel(catalogue: Catalogue, provider: string | undefined, model: string): FoundModel | undefined {
  const named = namedModel(provider, model, (name) => catalogue.providers.has(name))
  const seller = sellerOf(catalogue, named.provider, named.model)
  if (!seller) return undefined
  const entry = sold(catalogue, seller, named.model) ?? sold(catalogue, seller, withDashes(named.model))
  return entry && { provider: providerName(seller.id) ?? seller.id, entry }
}
