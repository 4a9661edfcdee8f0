import { parseAmount } from '../../lib/money.ts'
import { AppError } from '../../platform/errors.ts'
import type { Api, Body } from '../api.ts'
import { field, rowsIn } from '../reply.ts'
import { grouped } from '../table.ts'
import type { InvoiceResult } from './result.ts'
import type { Actor } from './set-up.ts'

/** The sandbox gateway's tokens that the demo pays with. */
const SUCCEEDS = 'tok_success'
const DECLINES = 'tok_decline'

/** Read again whole: a list may leave out lines. */
export const invoicesOf = async (api: Api, tenantId: string): Promise<readonly Body[]> => {
  const listed = rowsIn(await api.call('GET', `/invoices?tenant_id=${tenantId}&limit=200`), 'data')
  const whole = await Promise.all(listed.map((invoice) => api.call('GET', `/invoices/${field(invoice, 'id')}`)))
  return whole.toReversed() // oldest first
}

/** Tries a token; the decline's reason where there is one. */
const pay = async (api: Api, invoiceId: string, token: string): Promise<string | undefined> => {
  try {
    const { status, failure_code } = await api.call('POST', `/invoices/${invoiceId}/pay`, { payment_method: token })
    return status === 'failed' ? String(failure_code ?? 'declined') : undefined
  } catch (error) {
    if (error instanceof AppError && error.kind === 'payment_required') return error.code
    throw error
  }
}

/** Pays all that is open. With `declineFirst`, the first card is declined and the second one succeeds. */
export const payOpen = async (api: Api, tenantId: string, declineFirst = false): Promise<ReadonlyMap<string, string>> => {
  const payments = new Map<string, string>()
  for (const invoice of await invoicesOf(api, tenantId)) {
    if (invoice.status !== 'open') continue
    const id = field(invoice, 'id')
    const declined = declineFirst ? await pay(api, id, DECLINES) : undefined
    await pay(api, id, SUCCEEDS)
    payments.set(
      id,
      declined === undefined ? 'Paid at the first try' : `First card declined (${declined}), nothing booked; second card: paid`,
    )
  }
  return payments
}

/** Takes the subscriptions over the end of their period: the base of the next in advance, the use of the last in arrears. */
export const billAll = async (api: Api, actors: readonly Actor[]): Promise<void> => {
  for (const { subscriptionId } of actors) await api.call('POST', '/invoices/generate', { subscription_id: subscriptionId })
}

export const invoiceResult = (invoice: Body, tenant: string, payment: string): InvoiceResult => {
  const currency = field(invoice, 'currency')
  return {
    number: field(invoice, 'number'),
    tenant,
    lines: rowsIn(invoice, 'lines')
      .filter(({ kind }) => kind !== 'tax')
      .map((line) => ({
        description: field(line, 'description'),
        quantity: grouped(field(line, 'quantity')),
        amount: parseAmount(field(line, 'amount'), currency),
      })),
    tax: parseAmount(field(invoice, 'tax'), currency),
    total: parseAmount(field(invoice, 'total'), currency),
    payment,
  }
}
