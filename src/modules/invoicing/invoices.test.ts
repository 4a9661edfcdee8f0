import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'
import { billing, rows } from '../../../test/harness/billing.ts'

let t: TestApp
let b: ReturnType<typeof billing>
beforeAll(async () => {
  t = await testApp({ at: '2026-01-31T09:00:00Z' })
  b = billing(t)
})
afterAll(() => t.close())

test('generate answers whole invoices, the lines of each with it', async () => {
  const { id } = await b.subscribe('starter')
  t.clock.set('2026-03-31T09:00:00Z')
  const { generated, invoices } = await b.generate(id)
  expect(generated).toBe(2)
  const made = Array.isArray(invoices) ? invoices : []
  for (const invoice of made) {
    expect(rows(invoice, 'lines')).toMatchObject([{ kind: 'base', amount: '29.99', description: 'Starter, one month' }])
    expect((await b.get(`/invoices/${invoice.id}`)).body).toEqual(invoice)
  }
  const again = await b.generate(id)
  expect([again.generated, again.invoices]).toEqual([0, [made[1]]])
})

test.each([
  ['quarterly', '89.97', ['2026-04-30', '2026-07-31', '2026-10-31']],
  ['annual', '359.88', ['2027-01-31', '2028-01-31', '2029-01-31']],
])('a %s cycle from 31 January is billed %s in advance, each time to the end of a month', async (cycle, price, ends) => {
  t.clock.set('2026-01-31T09:00:00Z')
  const { tenantId, id } = await b.subscribe('starter', { cycle })
  t.clock.set(`${ends[1]}T09:00:00Z`)
  await b.generate(id)
  const invoices = await b.invoicesOf(tenantId)
  expect(invoices.map(({ total }) => total)).toEqual([price, price, price])
  expect(invoices.map(({ period_end }) => String(period_end).slice(0, 10))).toEqual(ends)
})

test('a quarter has three months of calls; what is beyond is billed with the next', async () => {
  t.clock.set('2026-01-31T09:00:00Z')
  const { tenantId, id } = await b.subscribe('starter', { cycle: 'quarterly' })
  await b.record(tenantId, 34_000, '2026-02-10T00:00:00Z')
  t.clock.set('2026-04-30T09:00:00Z')
  const { invoices } = await b.generate(id)
  const [made] = Array.isArray(invoices) ? invoices : []
  expect(rows(made, 'lines').map(({ kind, amount }) => [kind, amount])).toEqual([
    ['base', '89.97'],
    ['overage', '0.40'],
  ])
})

test('as many calls as an event can say are billed to the cent', async () => {
  t.clock.set('2026-01-31T09:00:00Z')
  const { tenantId, id } = await b.subscribe('starter')
  const event = { id: 'huge', type: 'API_CALL', quantity: '999999999999999', occurred_at: '2026-01-31T09:00:00Z' }
  expect((await b.post('/usage/batch', { tenant_id: tenantId, events: [event] })).status).toBe(200)
  t.clock.set('2026-02-28T09:00:00Z')
  const { invoices } = await b.generate(id)
  const [made] = Array.isArray(invoices) ? invoices : []
  // (999,999,999,999,999 − 10,000) × 0.10 ÷ 1,000 = 99,999,999,998.9999
  expect(rows(made, 'lines').map(({ amount }) => amount)).toEqual(['29.99', '99999999999.00'])
})

test('credit is used once to the cent by however many invoices it takes, made by however many at once', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('business')
  t.clock.set('2026-04-16T00:00:00Z')
  await b.post(`/subscriptions/${id}/downgrade`, { plan: 'starter', when: 'now' })
  await t.settle()
  const granted = -Math.round(Number((await b.invoicesOf(tenantId)).at(-1)?.total) * 100)
  expect(granted).toBe(13_500) // half of each month: 149.99 given back, 14.99 charged
  t.clock.set('2026-09-01T00:00:00Z')
  await Promise.all([b.bill(), b.generate(id), b.bill(), b.generate(id), t.app.relay.drain()])
  await t.settle()
  const later = (await b.invoicesOf(tenantId)).slice(2)
  const used = later.map(({ credit_applied, amount_due, status }) => [credit_applied, amount_due, status])
  expect(used).toEqual([
    ['29.99', '0.00', 'paid'],
    ['29.99', '0.00', 'paid'],
    ['29.99', '0.00', 'paid'],
    ['29.99', '0.00', 'paid'],
    ['15.04', '14.95', 'open'],
  ])
  expect(await b.balance(tenantId, 'customer_credit')).toBe(0)
  await b.post(`/invoices/${later.at(-1)?.id}/void`, {})
  expect(await b.balance(tenantId, 'customer_credit')).toBe(-1_504)
  expect(await b.generate(id)).toMatchObject({ generated: 1, invoices: [{ credit_applied: '15.04', amount_due: '14.95' }] })
  expect(await b.balance(tenantId, 'customer_credit')).toBe(0)
})

test('pages of invoices made in one instant leave none out and bring none twice, whatever the filter', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('pro')
  t.clock.set('2027-04-01T00:00:00Z')
  await b.generate(id) // twelve at once
  const all = (await b.invoicesOf(tenantId)).toReversed()
  expect(all.length).toBe(13)
  for (const invoice of all.slice(0, 3)) await b.post(`/invoices/${invoice.id}/void`, {})
  const paged = async (filter: string): Promise<unknown[]> => {
    const ids: unknown[] = []
    for (let cursor: unknown = ''; cursor !== null; ) {
      const { body } = await b.get(`/invoices?${filter}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      ids.push(...rows(body).map((invoice) => invoice.id))
      cursor = body.next_cursor
    }
    return ids
  }
  const ids = all.map((invoice) => invoice.id)
  expect(await paged(`tenant_id=${tenantId}`)).toEqual(ids)
  expect(await paged(`subscription_id=${id}`)).toEqual(ids)
  expect(await paged(`tenant_id=${tenantId}&status=void`)).toEqual(ids.slice(0, 3))
  expect(await paged(`subscription_id=${id}&status=open`)).toEqual(ids.slice(3))
  expect(await paged(`number=${all[4]?.number}`)).toEqual([ids[4]])
  expect(await paged('number=INV-999999')).toEqual([])
  expect((await b.get('/invoices?status=overdue')).status).toBe(422)
  expect((await b.get('/invoices?cursor=x')).body.code).toBe('cursor_invalid')
})

test('a tax rate has six digits after the point, and a seventh is refused, not rounded', async () => {
  const { tenantId } = await b.subscribe('free')
  const set = (percent: string) => b.post('/tax-rates', { tenant_id: tenantId, percent, name: 'VAT' })
  expect((await set('8.123456')).body.percent).toBe('8.123456')
  expect((await set('8.1234567')).status).toBe(422)
})

test('credit in dollars pays nothing in yen, whose invoices have no digits after the point', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('business')
  t.clock.set('2026-04-16T00:00:00Z')
  await b.post(`/subscriptions/${id}/cancel`, { when: 'now', prorate: true })
  await t.settle()
  const included = { compute_hours: '1', api_calls: '1000', storage_gb: '1', users: '1' }
  const terms = {
    monthly_price: '1000',
    included,
    overage: { api_calls: '15.5' },
    api_calls_per_minute: 10,
    concurrent_agents: 1,
  }
  await b.post('/plans', { ...terms, code: 'yen', name: 'Yen', currency: 'JPY', tenant_id: tenantId })
  const { body } = await b.post('/subscriptions', { tenant_id: tenantId, plan: 'yen' })
  await t.settle()
  await b.record(tenantId, 3_000, '2026-04-20T00:00:00Z')
  const other = await b.post(`/subscriptions/${body.id}/upgrade`, { plan: 'business' })
  expect([other.status, other.body.code]).toEqual([409, 'currency_mismatch'])
  t.clock.set('2026-05-16T00:00:00Z')
  await b.generate(body.id)
  const [, refund, first, second] = await b.invoicesOf(tenantId)
  expect([refund?.currency, refund?.total]).toEqual(['USD', '-149.99'])
  expect(first).toMatchObject({ currency: 'JPY', total: '1000', credit_applied: '0', amount_due: '1000' })
  expect(await b.linesOf(second?.id)).toEqual([
    ['base', '1000'],
    ['overage', '31'], // 2,000 at 15.5 a thousand
  ])
  expect(await b.balance(tenantId, 'customer_credit')).toBe(-14_999)
})
