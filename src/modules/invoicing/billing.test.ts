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

test('eight workers, a relay and manual runs at once make one invoice for each of 60 subscriptions, numbered without a gap', async () => {
  t.clock.set('2026-01-31T09:00:00Z')
  const subscriptions = []
  for (let n = 0; n < 60; n += 1) subscriptions.push(await b.subscribe('starter'))
  const before = await b.numbers()
  t.clock.set('2026-02-28T09:00:00Z')
  const manual = subscriptions.map(({ id }) => b.generate(id))
  await Promise.all([...Array.from({ length: 8 }, b.bill), ...manual, t.app.relay.drain()])
  await t.settle()
  const after = await b.numbers()
  expect([after.count - before.count, after.gapless]).toEqual([60, true])
  for (const { tenantId, id } of subscriptions) {
    const invoices = await b.invoicesOf(tenantId)
    expect(invoices.map(({ total }) => total)).toEqual(['29.99', '29.99'])
    expect(await b.generate(id)).toMatchObject({ generated: 0, invoices: [{ id: invoices[1]?.id }] })
  }
}, 120_000)

test('a transaction that fails after its number was drawn leaves no gap and no invoice', async () => {
  t.clock.set('2026-02-28T09:00:00Z')
  const { id, tenantId } = await b.subscribe('pro')
  t.clock.set('2026-03-28T09:00:00Z')
  const { count } = await b.numbers()
  const crashed = t.app.db.control.inTenant(tenantId, async (tx) => {
    expect((await t.app.services.invoices.generate(tx, id)).generated).toBe(1)
    throw new Error('the power went')
  })
  await expect(crashed).rejects.toThrow('the power went')
  expect((await b.numbers()).count).toBe(count)
  expect(await b.generate(id)).toMatchObject({ generated: 1 })
  expect(await b.numbers()).toEqual({ count: count + 1, gapless: true })
})

test('an invoice of nothing exists, is paid at once and books nothing', async () => {
  const { tenantId } = await b.subscribe('free')
  expect(await b.invoicesOf(tenantId)).toMatchObject([{ status: 'paid', total: '0.00', amount_due: '0.00' }])
  expect(await b.balance(tenantId, 'receivable')).toBe(0)
})

test('a preview says the very lines that come, and writes nothing', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('starter')
  await b.record(tenantId, 14_000, '2026-04-10T12:00:00Z')
  t.clock.set('2026-04-30T23:59:59Z')
  const preview = (await b.post('/invoices/preview', { subscription_id: id })).body
  expect(rows(preview, 'lines').map(({ kind, amount }) => [kind, amount])).toEqual([
    ['base', '29.99'],
    ['overage', '0.40'],
  ])
  expect((await b.invoicesOf(tenantId)).length).toBe(1)
  t.clock.set('2026-05-01T00:00:00Z')
  await b.bill()
  await t.settle()
  const [, second] = await b.invoicesOf(tenantId)
  expect(await b.linesOf(second?.id)).toEqual([
    ['base', '29.99'],
    ['overage', '0.40'],
  ])
})

test('use that comes late is billed once, with the next invoice, at the terms of its own period', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('starter')
  t.clock.set('2026-05-01T00:00:00Z')
  await b.generate(id)
  await b.record(tenantId, 14_000, '2026-04-20T12:00:00Z')
  t.clock.set('2026-06-01T00:00:00Z')
  await b.generate(id)
  t.clock.set('2026-07-01T00:00:00Z')
  await b.generate(id)
  const invoices = await b.invoicesOf(tenantId)
  expect(await Promise.all(invoices.map(({ id: invoiceId }) => b.linesOf(invoiceId)))).toEqual([
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
  const { tenantId, id } = await b.subscribe('starter')
  await b.record(tenantId, 14_000, '2026-04-10T12:00:00Z', 'intime')
  t.clock.set('2026-05-01T00:00:00Z')
  await b.generate(id)
  await b.record(tenantId, 1_000, '2026-04-11T12:00:00Z', 'late')
  t.clock.set('2026-06-01T00:00:00Z')
  await b.generate(id) // bills 0.10 more for April
  const [, may] = await b.invoicesOf(tenantId)
  expect((await b.post(`/invoices/${may?.id}/void`, {})).status).toBe(200)
  expect(await b.generate(id)).toMatchObject({ generated: 1 })
  const live = (await b.invoicesOf(tenantId)).filter(({ status }) => status !== 'void')
  const use = (await Promise.all(live.map(({ id: invoiceId }) => b.linesOf(invoiceId))))
    .flat()
    .filter(([kind]) => kind !== 'base')
  expect(use.reduce((sum, [, amount]) => sum + Math.round(Number(amount) * 100), 0)).toBe(50) // 5,000 over: 0.50
})

test('use recorded after the end of a subscription is billed by one more invoice', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('starter')
  t.clock.set('2026-04-15T00:00:00Z')
  await b.post(`/subscriptions/${id}/cancel`, { when: 'now' })
  await t.settle()
  await b.record(tenantId, 14_000, '2026-04-14T12:00:00Z')
  expect(await b.generate(id)).toMatchObject({ generated: 1 })
  expect(await b.generate(id)).toMatchObject({ generated: 0 })
  const last = (await b.invoicesOf(tenantId)).at(-1)
  expect(await b.linesOf(last?.id)).toEqual([['adjustment', '0.40']])
})

test('a downgrade now gives credit, the next invoice uses it, and a void gives it back', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('pro')
  t.clock.set('2026-04-16T00:00:00Z') // half of 30 days
  await b.post(`/subscriptions/${id}/downgrade`, { plan: 'starter', when: 'now' })
  await t.settle()
  const [, change] = await b.invoicesOf(tenantId)
  expect(change).toMatchObject({ kind: 'change', status: 'paid', amount_due: '0.00' })
  const credit = -Number(change?.total) * 100
  expect(await b.balance(tenantId, 'customer_credit')).toBe(Math.round(-credit))
  t.clock.set('2026-05-01T00:00:00Z')
  await b.generate(id)
  const may = (await b.invoicesOf(tenantId)).at(-1)
  expect(Number(may?.credit_applied)).toBeGreaterThan(0)
  const left = await b.balance(tenantId, 'customer_credit')
  if (may?.status === 'open') {
    expect((await b.post(`/invoices/${may.id}/void`, {})).status).toBe(200)
    expect(await b.balance(tenantId, 'customer_credit')).toBe(left - Math.round(Number(may.credit_applied) * 100))
  }
})

test('a trial bills nothing; at its end the first period is billed', async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { tenantId, id } = await b.subscribe('pro', { trial_days: 14 })
  expect(await b.invoicesOf(tenantId)).toEqual([])
  await b.record(tenantId, 1_000, '2026-04-02T00:00:00Z')
  t.clock.set('2026-04-15T00:00:00Z')
  await b.generate(id)
  const [first] = await b.invoicesOf(tenantId)
  expect(await b.linesOf(first?.id)).toEqual([['base', '99.99']])
})

test('one subscription that cannot be billed does not keep the others from it', async () => {
  t.clock.set('2026-08-01T00:00:00Z')
  await b.bill() // whatever the other tests left
  await t.settle()
  const broken = await b.subscribe('pro')
  const sound = await b.subscribe('pro')
  // No step can be decided in a zone that is none: any error in one tenant's data will do.
  await b.operator((tx) =>
    tx
      .updateTable('subscriptions')
      .set({ time_zone: 'No/Where', period_end: Temporal.Instant.from('2026-08-31T00:00:00Z') })
      .where('id', '=', broken.id)
      .execute(),
  )
  t.clock.set('2026-09-01T00:00:00Z')
  await b.bill()
  await t.settle()
  expect((await b.invoicesOf(sound.tenantId)).length).toBe(2)
  await b.operator((tx) => tx.updateTable('subscriptions').set({ time_zone: 'UTC' }).where('id', '=', broken.id).execute())
})

test("another tenant's invoice, subscription and payment do not exist", async () => {
  const { tenantId, id } = await b.subscribe('pro')
  const [invoice] = await b.invoicesOf(tenantId)
  const { key } = await t.tenant()
  const read = await t.call('GET', `/invoices/${invoice?.id}`, { key })
  expect([read.status, read.body.code]).toEqual([404, 'invoice_not_found'])
  for (const path of ['/invoices/generate', '/invoices/preview'])
    expect((await b.post(path, { subscription_id: id }, key)).body.code).toBe('subscription_not_found')
  expect((await b.post(`/invoices/${invoice?.id}/pay`, { payment_method: 'tok_success' }, key)).body.code).toBe(
    'invoice_not_found',
  )
  expect((await b.post(`/invoices/${invoice?.id}/void`, {}, key)).body.code).toBe('operator_only')
})
