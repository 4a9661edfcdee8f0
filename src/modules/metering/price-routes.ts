import { Type } from 'typebox'
import { pageOf } from '../../platform/http/page.ts'
import { routesOf } from '../../platform/http/route.ts'
import { Instant, Nullable, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import { MAX_UNPRICED, type UnpricedModel } from './load-unpriced.ts'
import { type ModelPrice, statedFrom } from './model-price.ts'
import type { ModelPriceService } from './price-service.ts'

const route = routesOf<{ modelPrices: ModelPriceService }>()
const tag = 'Model prices'

const Price = Type.String({
  pattern: '^(0|[1-9][0-9]{0,8})(\\.[0-9]{1,6})?$',
  description: 'USD per million tokens',
  examples: ['2.50'],
})
const PER_MILLION = {
  input_per_mtok: Price,
  output_per_mtok: Price,
  cached_input_per_mtok: Type.Optional(Price),
  cache_write_per_mtok: Type.Optional(Price),
  reasoning_per_mtok: Type.Optional(Price),
}
const RATES = {
  ...PER_MILLION,
  per_call: Type.Optional(
    Type.String({ pattern: '^(0|[1-9][0-9]{0,8})(\\.[0-9]{1,12})?$', description: 'USD for each call, besides its tokens' }),
  ),
  tiers: Type.Optional(
    Type.Array(Strict({ ...PER_MILLION, above_input_tokens: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }) }), {
      maxItems: 10,
      description: 'A call whose whole input is larger is billed at this rate, all of it',
    }),
  ),
}

const PriceReply = Strict({
  id: Type.String(),
  provider: Type.String(),
  model: Type.String(),
  effective_from: Instant,
  source: Type.Union([Type.Literal('seed'), Type.Literal('operator')]),
  ...RATES,
})

const toReply = ({ id, provider, model, effectiveFrom, source, rates }: ModelPrice) => {
  const { tiers, ...stated } = statedFrom(rates)
  return {
    id,
    provider,
    model,
    effective_from: effectiveFrom.toString(),
    source,
    ...stated,
    ...(tiers === undefined ? {} : { tiers: [...tiers] }),
  }
}

const UnpricedReply = Strict({
  data: Type.Array(
    Strict({
      provider: Nullable(Type.String()),
      model: Type.String(),
      events: Type.Integer({ minimum: 1 }),
      tenants: Type.Integer({ minimum: 1 }),
      first_seen: Instant,
      last_seen: Instant,
    }),
  ),
})

const unpricedReply = ({ events, tenants, first_seen, last_seen, ...model }: UnpricedModel) => ({
  ...model,
  events: Number(events),
  tenants: Number(tenants),
  first_seen: first_seen.toString(),
  last_seen: last_seen.toString(),
})

const NamePart = Type.String({ minLength: 1, maxLength: 200 })

export const priceRoutes = [
  route.read({
    method: 'GET',
    path: '/model-prices',
    id: 'listModelPrices',
    tag,
    access: 'both',
    scope: 'prices:read',
    summary: 'List model prices, newest first',
    description: 'The prices of the seed and of the operator. Models without one are priced from the bundled catalogue.',
    query: Strict({ ...PageQuery, provider: Type.Optional(NamePart), model: Type.Optional(NamePart) }),
    reply: PageOf(PriceReply),
    handle: async ({ tx, query }, { modelPrices }) => {
      const { data, nextCursor } = await pageOf(
        query,
        (page) => modelPrices.list(tx, query, page),
        ({ effectiveFrom, id }) => ({ at: effectiveFrom, id }),
      )
      return { data: data.map(toReply), next_cursor: nextCursor }
    },
  }),
  route.steps({
    method: 'GET',
    path: '/model-prices/unpriced',
    id: 'listUnpricedModels',
    tag,
    access: 'operator',
    scope: 'prices:read',
    summary: 'List the models that were used and have no price',
    description: `The most used first, at most ${MAX_UNPRICED}. Set a price with PUT /model-prices/{provider}/{model} and their usage is repriced.`,
    reply: UnpricedReply,
    handle: async (_context, { modelPrices }) => ({ data: (await modelPrices.unpriced()).map(unpricedReply) }),
  }),
  route.write({
    method: 'PUT',
    path: '/model-prices/{provider}/{model}',
    id: 'putModelPrice',
    tag,
    access: 'operator',
    scope: 'prices:write',
    summary: 'Set the price of a model from an instant on',
    description:
      'Holds in every process within two seconds. Usage recorded without a price since effective_from (now unless told) is repriced by a job.',
    params: Strict({ provider: NamePart, model: NamePart }),
    body: Strict({ effective_from: Type.Optional(Instant), ...RATES }),
    reply: PriceReply,
    errors: {
      price_too_fine: 'more than six decimals per million tokens',
      tier_repeated: 'two tiers begin above the same input_tokens',
    },
    handle: async ({ tx, params, body: { effective_from, ...rates } }, { modelPrices }) =>
      toReply(
        await modelPrices.put(tx, {
          ...params,
          effectiveFrom: effective_from === undefined ? undefined : Temporal.Instant.from(effective_from),
          rates,
        }),
      ),
  }),
]
