import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2026-01-31T09:00:00Z' })
})
afterAll(() => t.close())

type Body = Record<string, unknown>
const rows = (body: Body, field = 'data'): Body[] => (Array.isArray(body[field]) ? body[field] : [])
const operator = <T>(work: Parameters<typeof t.app.db.control.asOperator<T>>[1]) => t.app.db.control.asOperator('test', work)
const post = async (path: string, body: Body, key = t.operatorKey) => t.call('POST', path, { key, body })
const generate = async (id: unknown) => (await post('/invoices/generate', { subscription_id: id })).body
const invoicesOf = async (tenantId: string) =>
  rows((await t.call('GET', `/invoices?tenant_id=${tenantId}`, { key: t.operatorKey })).body).toReversed()
const linesOf = async (id: unknown) => {
  const { body } = await t.call('GET', `/invoices/${id}`, { key: t.operatorKey })
  return rows(body, 'lines').map(({ kind, amount }) => [kind, amount])
}
const subscribe = async (plan: string, more: Body = {}) => {
  const tenantId = await t.database.createTenant()
  const { body } = await post('/subscriptions', { tenant_id: tenantId, plan, ...more })
  await t.settle()
  return { tenantId, id: String(body.id) }
}
const record = async (tenantId: string, calls: number, at: string, name = at) => {
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
}
const bill = async () => t.app.jobs.find(({ name }) => name === 'invoicing-bill-due')?.run()
/** Numbers given so far, and whether they run from 1 without a gap. */
const numbers = async () => {
  const given = await operator((tx) => tx.selectFrom('invoices').select('number').orderBy('number').execute())
  return { count: given.length, gapless: given.every(({ number }, i) => number === `INV-${String(i + 1).padStart(6, '0')}`) }
}
const balance = async (tenantId: string, account: 'receivable' | 'customer_credit') => {
  const row = await operator((tx) =>
    tx
      .selectFrom('ledger_entries')
      .select(({ fn }) => fn.sum<string | null>('amount').as('sum'))
      .where('tenant_id', '=', tenantId)
      .where('account', '=', account)
      .executeTakeFirst(),
  )
  return Number(row?.sum ?? 0)
}

test('eight workers, a relay and manual runs at once make one invoice for each of 60 subscriptions, numbered without a gap', async () => {
  t.clock.set('2026-01-31T09:00:00Z')
  const subscriptions = []
  for (let n = 0; n < 60; n += 1) subscriptions.push(await subscribe('starter'))
  const before = await numbers()
  t.clock.set('2026-02-28T09:00:00Z')
  const manual = subscriptions.map(({ id }) => generate(id))
  await Promise.all([...Array.from({ length: 8 }, bill), ...manual, t.app.relay.drain()])
  await t.settle()
  const after = await numbers()
  expect([after.count - before.count, after.gapless]).toEqual([60, true])
  for (const { tenantId, id } of subscriptions) {
    const invoices = await invoicesOf(tenantId)
    expect(invoices.map(({ total }) => total)).toEqual(['29.99', '29.99'])
    expect(await generate(id)).toMatchObject({ generated: 0, invoices: [{ id: invoices[1]?.id }] })
  }
}, 120_000)

test('a transaction that fails after its number was drawn leaves no gap and no invoice', async () => {
  t.clock.set('2026-02-28T09:00:00Z')
  const { id, tenantId } = await subscribe('pro')
  t.clock.set('2026-03-28T09:00:00Z')
  const { count } = await numbers()
  const crashed = t.app.db.control.inTenant(tenantId, async (tx) => {
    expect((await t.app.services.invoices.generate(tx, id)).generated).toBe(1)
    throw new Error('the power went')
  })
  await expect(crashed).rejects.toThrow('the power went')
  expect((await numbers()).count).toBe(count)
  expect(await generate(id)).toMatchObject({ generated: 1 })
  expect(await numbers()).toEqual({ count: count + 1, gapless: true })
})

test('an invoice of nothing exists, is paid at once and books nothing', async () => {
  const { tenantId } = await subscribe('free')
  expect(await invoicesOf(tenantId)).toMatchObject([{ status: 'paid', total: '0.00', amount_due: '0.00' }])
  expect(await balance(tenantId, 'receivable')).toBe(0)
})

test('a preview says the very lines that come, and writes nothing', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await subscribe('starter')
  await record(tenantId, 14_000, '2026-04-10T12:00:00Z')
  t.clock.set('2026-04-30T23:59:59Z')
  const preview = (await post('/invoices/preview', { subscription_id: id })).body
  expect(rows(preview, 'lines').map(({ kind, amount }) => [kind, amount])).toEqual([
    ['base', '29.99'],
    ['overage', '0.40'],
  ])
  expect((await invoicesOf(tenantId)).length).toBe(1)
  t.clock.set('2026-05-01T00:00:00Z')
  await bill()
  await t.settle()
  const [, second] = await invoicesOf(tenantId)
  expect(await linesOf(second?.id)).toEqual([
    ['base', '29.99'],
    ['overage', '0.40'],
  ])
})

test('use that comes late is billed once, with the next invoice, at the terms of its own period', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await subscribe('starter')
  t.clock.set('2026-05-01T00:00:00Z')
  await generate(id)
  await record(tenantId, 14_000, '2026-04-20T12:00:00Z')
  t.clock.set('2026-06-01T00:00:00Z')
  await generate(id)
  t.clock.set('2026-07-01T00:00:00Z')
  await generate(id)
  const invoices = await invoicesOf(tenantId)
  expect(await Promise.all(invoices.map(({ id: invoiceId }) => linesOf(invoiceId)))).toEqual([
    [['base', '29.99']],
    [['base', '29.99']],
    [
      ['base', '29.99'],
      ['adjustment', '0.40'],
    ],
    [['base', '29.99']],
  ])
})

test('an invoice voided after a later one adjusted its period is billed anew without billing anything twice', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await subscribe('starter')
  await record(tenantId, 14_000, '2026-04-10T12:00:00Z', 'intime')
  t.clock.set('2026-05-01T00:00:00Z')
  await generate(id)
  await record(tenantId, 1_000, '2026-04-11T12:00:00Z', 'late')
  t.clock.set('2026-06-01T00:00:00Z')
  await generate(id) // bills 0.10 more for April
  const [, may] = await invoicesOf(tenantId)
  expect((await post(`/invoices/${may?.id}/void`, {})).status).toBe(200)
  expect(await generate(id)).toMatchObject({ generated: 1 })
  const live = (await invoicesOf(tenantId)).filter(({ status }) => status !== 'void')
  const use = (await Promise.all(live.map(({ id: invoiceId }) => linesOf(invoiceId)))).flat().filter(([kind]) => kind !== 'base')
  expect(use.reduce((sum, [, amount]) => sum + Math.round(Number(amount) * 100), 0)).toBe(50) // 5,000 over: 0.50
})

test('use recorded after the end of a subscription is billed by one more invoice', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await subscribe('starter')
  t.clock.set('2026-04-15T00:00:00Z')
  await post(`/subscriptions/${id}/cancel`, { when: 'now' })
  await t.settle()
  await record(tenantId, 14_000, '2026-04-14T12:00:00Z')
  expect(await generate(id)).toMatchObject({ generated: 1 })
  expect(await generate(id)).toMatchObject({ generated: 0 })
  const last = (await invoicesOf(tenantId)).at(-1)
  expect(await linesOf(last?.id)).toEqual([['adjustment', '0.40']])
})

test('a downgrade now gives credit, the next invoice uses it, and a void gives it back', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await subscribe('pro')
  t.clock.set('2026-04-16T00:00:00Z') // half of 30 days
  await post(`/subscriptions/${id}/downgrade`, { plan: 'starter', when: 'now' })
  await t.settle()
  const [, change] = await invoicesOf(tenantId)
  expect(change).toMatchObject({ kind: 'change', status: 'paid', amount_due: '0.00' })
  const credit = -Number(change?.total) * 100
  expect(await balance(tenantId, 'customer_credit')).toBe(Math.round(-credit))
  t.clock.set('2026-05-01T00:00:00Z')
  await generate(id)
  const may = (await invoicesOf(tenantId)).at(-1)
  expect(Number(may?.credit_applied)).toBeGreaterThan(0)
  const left = await balance(tenantId, 'customer_credit')
  if (may?.status === 'open') {
    expect((await post(`/invoices/${may.id}/void`, {})).status).toBe(200)
    expect(await balance(tenantId, 'customer_credit')).toBe(left - Math.round(Number(may.credit_applied) * 100))
  }
})

test('a trial bills nothing; at its end the first period is billed', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await subscribe('pro', { trial_days: 14 })
  expect(await invoicesOf(tenantId)).toEqual([])
  await record(tenantId, 1_000, '2026-04-02T00:00:00Z')
  t.clock.set('2026-04-15T00:00:00Z')
  await generate(id)
  const [first] = await invoicesOf(tenantId)
  expect(await linesOf(first?.id)).toEqual([['base', '99.99']])
})

test('one subscription that cannot be billed does not keep the others from it', async () => {
  t.clock.set('2026-08-01T00:00:00Z')
  await bill() // whatever the other tests left
  await t.settle()
  const broken = await subscribe('pro')
  const sound = await subscribe('pro')
  // No step can be decided in a zone that is none: any error in one tenant's data will do.
  await operator((tx) =>
    tx
      .updateTable('subscriptions')
      .set({ time_zone: 'No/Where', period_end: Temporal.Instant.from('2026-08-31T00:00:00Z') })
      .where('id', '=', broken.id)
      .execute(),
  )
  t.clock.set('2026-09-01T00:00:00Z')
  await bill()
  await t.settle()
  expect((await invoicesOf(sound.tenantId)).length).toBe(2)
  await operator((tx) => tx.updateTable('subscriptions').set({ time_zone: 'UTC' }).where('id', '=', broken.id).execute())
})

test("another tenant's invoice, subscription and payment do not exist", async () => {
  const { tenantId, id } = await subscribe('pro')
  const [invoice] = await invoicesOf(tenantId)
  const { key } = await t.tenant()
  const read = await t.call('GET', `/invoices/${invoice?.id}`, { key })
  expect([read.status, read.body.code]).toEqual([404, 'invoice_not_found'])
  for (const path of ['/invoices/generate', '/invoices/preview'])
    expect((await post(path, { subscription_id: id }, key)).body.code).toBe('subscription_not_found')
  expect((await post(`/invoices/${invoice?.id}/pay`, { payment_method: 'tok_success' }, key)).body.code).toBe('invoice_not_found')
  expect((await post(`/invoices/${invoice?.id}/void`, {}, key)).body.code).toBe('operator_only')
})
