import { type Selectable, sql } from 'kysely'
import type { ControlTx } from '../../platform/db/database.ts'
import type { PaymentsTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import { type Payment, STATUSES } from './payment.ts'
import { ACTION_LOOK, UNHEARD_FOR } from './resolution.ts'

const fromRow = (row: Selectable<PaymentsTable>): Payment => {
  const status = STATUSES.find((one) => one === row.status)
  if (!status) throw new Error(`payment ${row.id} has the status '${row.status}'`)
  return {
    id: row.id,
    tenantId: row.tenant_id,
    invoiceId: row.invoice_id,
    status,
    amount: row.amount,
    currency: row.currency,
    gateway: row.gateway,
    paymentMethod: row.payment_method,
    gatewayReference: row.gateway_reference,
    failureCode: row.failure_code,
    actionUrl: row.action_url,
    resolveAt: row.resolve_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** The attempt that may still take, or has taken, the money of an invoice: there is at most one. */
export const openPayment = async (tx: ControlTx, invoiceId: string): Promise<Payment | undefined> => {
  const row = await tx
    .selectFrom('payments')
    .selectAll()
    .where('invoice_id', '=', invoiceId)
    .where('status', '!=', 'failed')
    .executeTakeFirst()
  return row && fromRow(row)
}

export const findPayment = async (tx: ControlTx, id: string): Promise<Payment | undefined> => {
  const row = await tx.selectFrom('payments').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

export const insertPayment = async (tx: ControlTx, payment: Payment): Promise<void> => {
  await tx
    .insertInto('payments')
    .values({
      id: payment.id,
      tenant_id: payment.tenantId,
      invoice_id: payment.invoiceId,
      status: payment.status,
      amount: payment.amount,
      currency: payment.currency,
      gateway: payment.gateway,
      payment_method: payment.paymentMethod,
      resolve_at: payment.resolveAt,
      created_at: payment.createdAt,
      updated_at: payment.updatedAt,
    })
    .execute()
}

export const lockPayment = async (tx: ControlTx, id: string): Promise<Payment> =>
  fromRow(await tx.selectFrom('payments').selectAll().where('id', '=', id).forUpdate().executeTakeFirstOrThrow())

export const updatePayment = async (
  tx: ControlTx,
  { id, status, paymentMethod, gatewayReference, failureCode, actionUrl, resolveAt, updatedAt }: Payment,
): Promise<void> => {
  await tx
    .updateTable('payments')
    .set({
      status,
      payment_method: paymentMethod,
      gateway_reference: gatewayReference,
      failure_code: failureCode,
      action_url: actionUrl,
      resolve_at: resolveAt,
      updated_at: updatedAt,
    })
    .where('id', '=', id)
    .execute()
}

/**
 * Unsettled attempts that were to be looked at by `due`, longest overdue first. Claimed, each is next looked at after a while, so that workers at
 * once and one that dies divide them: call it as the operator.
 */
export const claimUnresolved = async (
  tx: ControlTx,
  { due, now, limit }: { readonly due: Temporal.Instant; readonly now: Temporal.Instant; readonly limit: number },
): Promise<Payment[]> => {
  const rows = await tx
    .updateTable('payments')
    .set({
      resolve_at: sql<Temporal.Instant>`case status when 'requires_action'
        then ${now.add(ACTION_LOOK).toString()}::timestamptz else ${now.add(UNHEARD_FOR).toString()}::timestamptz end`,
    })
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('payments')
        .select('id')
        .where('status', 'in', ['processing', 'requires_action'])
        .where('resolve_at', '<=', due)
        .orderBy('resolve_at')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .execute()
  return rows.map(fromRow)
}

export const listPayments = async (
  tx: ControlTx,
  {
    tenantId,
    invoiceId,
    limit,
    after,
  }: { tenantId?: string | undefined; invoiceId?: string | undefined; limit: number; after: Keyset | undefined },
): Promise<Payment[]> => {
  let query = tx.selectFrom('payments').selectAll()
  if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
  if (invoiceId !== undefined) query = query.where('invoice_id', '=', invoiceId)
  if (after) query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '<', tuple(after.at, after.id)))
  return (await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()).map(fromRow)
}

/** The attempt that may still take an invoice's money, if there is one. */
export const paymentUnderWay = async (tx: ControlTx, invoiceId: string): Promise<string | undefined> => {
  const row = await tx
    .selectFrom('payments')
    .select('id')
    .where('invoice_id', '=', invoiceId)
    .where('status', 'in', ['processing', 'requires_action'])
    .executeTakeFirst()
  return row?.id
}
