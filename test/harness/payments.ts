import { boundedGateway, paymentJobs, paymentService, sandboxGateway } from '../../src/modules/payments/index.ts'
import type { PaymentGateway } from '../../src/modules/payments/payment.ts'
import { outboxWriter } from '../../src/platform/outbox/outbox.ts'
import type { Answer, TestApp } from './app.ts'
import { silent } from './database.ts'

type Body = Record<string, unknown>
const rows = ({ body }: Answer): Body[] => (Array.isArray(body.data) ? body.data : [])

/** Invoices and payments over HTTP, and beside it a process of its own whose gateway misbehaves. */
export const payments = (t: TestApp) => {
  const { db, clock, ids } = t.app
  const call = (method: 'GET' | 'POST', path: string, body?: Body) =>
    t.call(method, path, { key: t.operatorKey, ...(body === undefined ? {} : { body }) })
  const depsWith = (faults: Partial<PaymentGateway>, timeoutMs = 5_000) => {
    const gateway = boundedGateway({ ...sandboxGateway({ db, clock }), ...faults }, timeoutMs)
    return { db, clock, ids, log: silent, gateway, outbox: outboxWriter({ clock, ids }) }
  }
  const paymentsOf = async (invoiceId: string) => rows(await call('GET', `/payments?invoice_id=${invoiceId}`))

  return {
    paymentsOf,
    /** The first invoice of a new tenant on the tier pro: 99.99. */
    async openInvoice(): Promise<string> {
      const tenantId = await t.database.createTenant()
      await call('POST', '/subscriptions', { tenant_id: tenantId, plan: 'pro' })
      await t.settle()
      const [invoice] = rows(await call('GET', `/invoices?tenant_id=${tenantId}`))
      return String(invoice?.id)
    },
    read: async (id: string) => (await call('GET', `/invoices/${id}`)).body,
    pay: (id: string, token: string) => call('POST', `/invoices/${id}/pay`, { payment_method: token }),
    void: (id: string) => call('POST', `/invoices/${id}/void`, {}),
    payWith: (faults: Partial<PaymentGateway>, timeoutMs?: number) => paymentService(depsWith(faults, timeoutMs)).pay,
    resolveWith: async (faults: Partial<PaymentGateway>) => {
      for (const job of paymentJobs(depsWith(faults))) await job.run()
    },
    resolve: async () => t.app.jobs.find(({ name }) => name === 'payments-resolve')?.run(),
    wait: (duration: Temporal.DurationLike) => t.clock.set(t.clock.now().add(duration)),
    /** What the provider took for an invoice, and how often our books say so. */
    taken: (invoiceId: string) =>
      db.control.asOperator('test', async (tx) => {
        const charges = await tx
          .selectFrom('sandbox_charges')
          .innerJoin('payments', 'payments.id', 'sandbox_charges.idempotency_key')
          .select('sandbox_charges.amount')
          .where('payments.invoice_id', '=', invoiceId)
          .where('sandbox_charges.outcome', '=', 'succeeded')
          .execute()
        const booked = await tx
          .selectFrom('ledger_journals')
          .innerJoin('payments', 'payments.id', 'ledger_journals.source_id')
          .select('ledger_journals.id')
          .where('payments.invoice_id', '=', invoiceId)
          .where('kind', '=', 'payment_succeeded')
          .execute()
        return { charges: charges.length, booked: booked.length }
      }),
    /** News of the payments of an invoice, first to last. */
    news: async (invoiceId: string) => {
      const events = await db.control.asOperator('test', (tx) =>
        tx.selectFrom('outbox').select(['type', 'payload']).where('type', 'like', 'payment.%').orderBy('id').execute(),
      )
      return events.flatMap(({ type, payload }) => {
        const of: Body = typeof payload === 'object' && payload !== null ? { ...payload } : {}
        return of.invoice_id === invoiceId ? [[type, of.failure_code]] : []
      })
    },
  }
}

const gone = (): Promise<never> => Promise.reject(new Error('gone'))
/** A gateway that cannot be reached at all. */
export const AWAY = { charge: gone, find: gone, cancel: gone } as const satisfies Partial<PaymentGateway>

/** A gateway that takes the money and is never heard of again. */
export const takesAndGoes = ({ app: { db, clock } }: TestApp): Partial<PaymentGateway> => ({
  ...AWAY,
  async charge(charge, signal) {
    await sandboxGateway({ db, clock }).charge(charge, signal)
    throw new Error('gone')
  },
})
