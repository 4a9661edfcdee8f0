import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { Keyset } from '../../platform/http/page.ts'

export interface TaxRate {
  readonly tenantId: string
  /** Decimal text: '8.875' for 8.875 %. */
  readonly percent: string
  readonly name: string
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
}

interface Row {
  readonly tenant_id: string
  readonly percent: string
  readonly name: string
  readonly created_at: Temporal.Instant
  readonly updated_at: Temporal.Instant
}

const fromRow = (row: Row): TaxRate => ({
  tenantId: row.tenant_id,
  percent: formatDecimal(parseDecimal(row.percent)),
  name: row.name,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

export const findTaxRate = async (tx: ControlTx, tenantId: string): Promise<TaxRate | undefined> => {
  const row = await tx.selectFrom('tax_rates').selectAll().where('tenant_id', '=', tenantId).executeTakeFirst()
  return row && fromRow(row)
}

/** Newest first. */
export const listTaxRates = async (
  tx: ControlTx,
  { limit, after }: { readonly limit: number; readonly after: Keyset | undefined },
): Promise<TaxRate[]> => {
  let query = tx.selectFrom('tax_rates').selectAll()
  if (after)
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'tenant_id'), '<', tuple(after.at, after.id)))
  return (await query.orderBy('created_at', 'desc').orderBy('tenant_id', 'desc').limit(limit).execute()).map(fromRow)
}

/** One rate a tenant: the new one takes the place of the old. */
export const saveTaxRate = async (tx: ControlTx, { tenantId, percent, name, updatedAt }: TaxRate): Promise<TaxRate> => {
  const row = await tx
    .insertInto('tax_rates')
    .values({ tenant_id: tenantId, percent, name, created_at: updatedAt, updated_at: updatedAt })
    .onConflict((conflict) => conflict.column('tenant_id').doUpdateSet({ percent, name, updated_at: updatedAt }))
    .returningAll()
    .executeTakeFirstOrThrow()
  return fromRow(row)
}
