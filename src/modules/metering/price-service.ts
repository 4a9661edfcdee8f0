import type { IdSource } from '../../lib/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { unprocessable } from '../../platform/errors.ts'
import type { Keyset } from '../../platform/http/page.ts'
import type { Outbox } from '../../platform/outbox/outbox.ts'
import { type UnpricedDeps, unpricedModels } from './load-unpriced.ts'
import { type ModelPrice, ratesFrom, type StatedRates } from './model-price.ts'
import { listPrices, putPrice } from './price-store.ts'
import { SEED_PRICES } from './pricing/seed.ts'

export interface PriceDeps {
  readonly clock: Clock
  readonly ids: IdSource
  readonly outbox: Outbox
}

export interface PutPrice {
  readonly provider: string
  readonly model: string
  readonly effectiveFrom?: Temporal.Instant | undefined
  readonly rates: StatedRates
}

export const MODEL_PRICE_SET = 'model_price.set'
/** The seed's prices hold for all time before the operator's first. */
const SEED_FROM = Temporal.Instant.from('2000-01-01T00:00:00Z')

/** Writes the seed's prices once; later starts change nothing, also not what the operator replaced. */
export const seedModelPrices = async (tx: ControlTx, { clock, ids }: Omit<PriceDeps, 'outbox'>): Promise<void> => {
  const present = await tx
    .selectFrom('model_prices')
    .select('id')
    .where('effective_from', '=', SEED_FROM)
    .limit(1)
    .executeTakeFirst()
  if (present) return
  for (const { provider, model, rates } of SEED_PRICES)
    await putPrice(tx, { id: ids.next('mp'), provider, model, effectiveFrom: SEED_FROM, source: 'seed', rates }, clock.now())
}

export type ModelPriceService = ReturnType<typeof modelPriceService>

export const modelPriceService = ({ clock, ids, outbox, db, places }: PriceDeps & UnpricedDeps) => ({
  unpriced: unpricedModels({ db, places }),

  list: (
    tx: ControlTx,
    filter: { readonly provider?: string; readonly model?: string },
    page: { limit: number; after: Keyset | undefined },
  ) => listPrices(tx, filter, page),

  /** Sets a price from an instant on; usage that waited for it is repriced by a job. Throws 422 `tier_repeated`, `price_too_fine`. */
  async put(tx: ControlTx, { provider, model, effectiveFrom, rates }: PutPrice): Promise<ModelPrice> {
    const thresholds = rates.tiers?.map((tier) => tier.above_input_tokens) ?? []
    if (new Set(thresholds).size < thresholds.length)
      throw unprocessable('tier_repeated', 'two tiers begin above the same input_tokens; give each threshold once')
    const now = clock.now()
    const price = await putPrice(
      tx,
      { id: ids.next('mp'), provider, model, effectiveFrom: effectiveFrom ?? now, source: 'operator', rates: ratesFrom(rates) },
      now,
    )
    await outbox.add(tx, {
      type: MODEL_PRICE_SET,
      tenantId: null,
      payload: { provider, model, effective_from: price.effectiveFrom.toString() },
    })
    return price
  },
})
