import { sql } from 'kysely'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ControlTx } from '../../platform/db/database.ts'
import type { Keyset } from '../../platform/http/page.ts'
import { type ModelPrice, ratesFrom, statedFrom } from './model-price.ts'

const PER_MILLION = {
  input_per_mtok: Type.String(),
  output_per_mtok: Type.String(),
  cached_input_per_mtok: Type.Optional(Type.String()),
  cache_write_per_mtok: Type.Optional(Type.String()),
  reasoning_per_mtok: Type.Optional(Type.String()),
}
const Stored = Type.Object({
  ...PER_MILLION,
  per_call: Type.Optional(Type.String()),
  tiers: Type.Optional(Type.Array(Type.Object({ ...PER_MILLION, above_input_tokens: Type.Integer() }))),
})

interface Row {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly effective_from: Temporal.Instant
  readonly source: string
  readonly rates: unknown
}

const COLUMNS = ['id', 'provider', 'model', 'effective_from', 'source', 'rates'] as const

const fromRow = ({ id, provider, model, effective_from, source, rates }: Row): ModelPrice => {
  const stated: Static<typeof Stored> = Value.Parse(Stored, rates)
  return {
    id,
    provider,
    model,
    effectiveFrom: effective_from,
    source: source === 'seed' ? 'seed' : 'operator',
    rates: ratesFrom(stated),
  }
}

/** Every price there is, for the price book. */
export const allPrices = async (tx: ControlTx): Promise<ModelPrice[]> =>
  (await tx.selectFrom('model_prices').select(COLUMNS).execute()).map(fromRow)

/** Another text whenever a price was added or replaced; of the prices themselves, since clocks of processes differ. */
export const priceVersion = async (tx: ControlTx): Promise<string> => {
  const { rows } = await sql<{ version: string | null }>`
    select md5(string_agg(concat_ws(' ', id, provider, model, effective_from, rates), ',' order by id)) as version from model_prices`.execute(
    tx,
  )
  return rows[0]?.version ?? ''
}

export const listPrices = async (
  tx: ControlTx,
  filter: { readonly provider?: string; readonly model?: string },
  { limit, after }: { readonly limit: number; readonly after: Keyset | undefined },
): Promise<ModelPrice[]> => {
  let query = tx.selectFrom('model_prices').select(COLUMNS)
  if (filter.provider !== undefined) query = query.where('provider', '=', filter.provider)
  if (filter.model !== undefined) query = query.where('model', '=', filter.model)
  if (after)
    query = query.where((eb) =>
      eb.or([eb('effective_from', '<', after.at), eb.and([eb('effective_from', '=', after.at), eb('id', '<', after.id)])]),
    )
  return (await query.orderBy('effective_from', 'desc').orderBy('id', 'desc').limit(limit).execute()).map(fromRow)
}

/** Sets the price that holds from an instant; the same instant again replaces it. */
export const putPrice = async (tx: ControlTx, price: ModelPrice, now: Temporal.Instant): Promise<ModelPrice> => {
  const row = await tx
    .insertInto('model_prices')
    .values({
      id: price.id,
      provider: price.provider,
      model: price.model,
      effective_from: price.effectiveFrom,
      source: price.source,
      rates: JSON.stringify(statedFrom(price.rates)),
      created_at: now,
    })
    .onConflict((oc) =>
      oc.columns(['provider', 'model', 'effective_from']).doUpdateSet((eb) => ({
        rates: eb.ref('excluded.rates'),
        source: eb.ref('excluded.source'),
        created_at: eb.ref('excluded.created_at'),
      })),
    )
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
  return fromRow(row)
}
