import type { TestApp } from './app.ts'

type Body = Record<string, unknown>
export const rows = (body: Body, field = 'data'): Body[] => (Array.isArray(body[field]) ? body[field] : [])

/** Subscriptions, use and invoices over HTTP as the operator; tenants on the shared level. */
export const billing = (t: TestApp) => {
  const operator = <T>(work: Parameters<typeof t.app.db.control.asOperator<T>>[1]) => t.app.db.control.asOperator('test', work)
  const post = (path: string, body: Body, key = t.operatorKey) => t.call('POST', path, { key, body })
  const get = (path: string) => t.call('GET', path, { key: t.operatorKey })
  const run = async (name: string) => t.app.jobs.find((job) => job.name === name)?.run()

  return {
    operator,
    post,
    get,
    generate: async (id: unknown) => (await post('/invoices/generate', { subscription_id: id })).body,
    bill: () => run('invoicing-bill-due'),
    billLate: () => run('invoicing-bill-late'),
    /** Oldest first. */
    invoicesOf: async (tenantId: string) => rows((await get(`/invoices?tenant_id=${tenantId}`)).body).toReversed(),
    linesOf: async (id: unknown) => {
      const { body } = await get(`/invoices/${id}`)
      return rows(body, 'lines').map(({ kind, amount }) => [kind, amount])
    },
    async subscribe(plan: string, more: Body = {}) {
      const tenantId = await t.database.createTenant()
      const { body } = await post('/subscriptions', { tenant_id: tenantId, plan, ...more })
      await t.settle()
      return { tenantId, id: String(body.id) }
    },
    async record(tenantId: string, calls: number, at: string, name = at) {
      if (Temporal.Instant.compare(t.clock.now(), Temporal.Instant.from(at)) < 0) t.clock.set(at)
      for (let from = 0; from < calls; from += 10_000) {
        const events = Array.from({ length: Math.min(10_000, calls - from) }, (_, i) => ({
          id: `${name}-${from + i}`,
          type: 'API_CALL',
          occurred_at: at,
        }))
        const { status, text } = await post('/usage/batch', { tenant_id: tenantId, events })
        if (status !== 200) throw new Error(text)
      }
    },
    /** Numbers given so far, and whether they run from 1 without a gap. */
    async numbers() {
      const given = await operator((tx) => tx.selectFrom('invoices').select('number').orderBy('number').execute())
      return { count: given.length, gapless: given.every(({ number }, i) => number === `INV-${String(i + 1).padStart(6, '0')}`) }
    },
    async balance(tenantId: string, account: 'receivable' | 'customer_credit') {
      const row = await operator((tx) =>
        tx
          .selectFrom('ledger_entries')
          .select(({ fn }) => fn.sum<string | null>('amount').as('sum'))
          .where('tenant_id', '=', tenantId)
          .where('account', '=', account)
          .executeTakeFirst(),
      )
      return Number(row?.sum ?? 0)
    },
  }
}
