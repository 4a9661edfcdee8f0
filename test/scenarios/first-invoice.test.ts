import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2026-01-31T09:00:00Z' })
})
afterAll(() => t.close())

const lines = (body: Record<string, unknown>): unknown =>
  Array.isArray(body.lines) ? body.lines.map((line) => [line.kind, line.amount]) : []

const ledger = () =>
  t.app.db.control.asOperator('test', (tx) =>
    tx
      .selectFrom('ledger_entries')
      .select(({ fn }) => ['account', fn.sum<string>('amount').as('balance')])
      .groupBy('account')
      .orderBy('account')
      .execute(),
  )

test('14,000 calls on STARTER are 29.99 in advance and 0.40 in arrears; a declined card changes nothing, a good one pays', async () => {
  const { id: tenantId, key } = await t.tenant()
  const sub = await t.call('POST', '/subscriptions', { key, body: { plan: 'starter' } })
  expect([sub.status, sub.body.status]).toEqual([201, 'active'])
  await t.settle()
  const [first] = rows(await t.call('GET', '/invoices', { key }))
  expect([first?.number, first?.status, first?.total]).toEqual(['INV-000001', 'open', '29.99'])

  for (const batch of [0, 1]) {
    const events = Array.from({ length: 7_000 }, (_, i) => ({
      id: `call-${batch}-${i}`,
      type: 'API_CALL',
      occurred_at: '2026-02-10T12:34:56Z',
    }))
    t.clock.set('2026-02-10T13:00:00Z')
    expect((await t.call('POST', '/usage/batch', { key, body: { events } })).body.accepted).toBe(7_000)
  }
  const metrics = await t.call('GET', `/subscriptions/${tenantId}/metrics`, { key })
  expect(JSON.stringify(metrics.body)).toContain('"overage_amount":"0.40"')

  t.clock.set('2026-02-28T09:00:01Z')
  const generated = await t.call('POST', '/invoices/generate', { key, body: { subscription_id: sub.body.id } })
  expect(generated.body.generated).toBe(1)
  const again = await t.call('POST', '/invoices/generate', { key, body: { subscription_id: sub.body.id } })
  expect(again.body.generated).toBe(0)
  await t.settle()
  const invoices = rows(await t.call('GET', '/invoices', { key }))
  expect(invoices.map(({ number, total }) => [number, total])).toEqual([
    ['INV-000002', '30.39'],
    ['INV-000001', '29.99'],
  ])
  const second = await t.call('GET', `/invoices/${invoices[0]?.id}`, { key })
  expect(lines(second.body)).toEqual([
    ['base', '29.99'],
    ['overage', '0.40'],
  ])

  const declined = await t.call('POST', `/invoices/${first?.id}/pay`, { key, body: { payment_method: 'tok_decline' } })
  expect([declined.status, declined.body.code, declined.body.failure_code]).toEqual([
    402,
    'payment_declined',
    'insufficient_funds',
  ])
  const paid = await t.call('POST', `/invoices/${first?.id}/pay`, { key, body: { payment_method: 'tok_success' } })
  expect([paid.status, paid.body.status]).toEqual([200, 'succeeded'])
  expect((await t.call('POST', `/invoices/${first?.id}/pay`, { key, body: { payment_method: 'tok_success' } })).body.code).toBe(
    'invoice_already_paid',
  )
  // The answer is lost, the charge is not: asked again, the gateway says that it happened.
  expect(
    (await t.call('POST', `/invoices/${invoices[0]?.id}/pay`, { key, body: { payment_method: 'tok_timeout' } })).body.status,
  ).toBe('succeeded')
  expect(await ledger()).toEqual([
    { account: 'cash', balance: '6038' },
    { account: 'receivable', balance: '0' },
    { account: 'revenue', balance: '-6038' },
  ])
})

test('FREE stops at 1,000 calls: the next is refused, a batch takes what still fits', async () => {
  const { key } = await t.tenant()
  await t.call('POST', '/subscriptions', { key, body: { plan: 'free' } })
  await new Promise((resolve) => setTimeout(resolve, 1_000)) // what a tenant may use is known a second later everywhere
  const calls = (count: number, name: string) =>
    Array.from({ length: count }, (_, i) => ({ id: `${name}-${i}`, type: 'API_CALL' }))
  expect((await t.call('POST', '/usage/batch', { key, body: { events: calls(990, 'a') } })).body.accepted).toBe(990)
  const rest = await t.call('POST', '/usage/batch', { key, body: { events: calls(20, 'b') } })
  expect([rest.body.accepted, Array.isArray(rest.body.rejected) && rest.body.rejected.length]).toEqual([10, 10])
  const refused = await t.call('POST', '/usage/record', { key, body: { type: 'API_CALL' } })
  expect([refused.status, refused.body.code]).toEqual([429, 'quota_exceeded'])
})

test('a final invoice cannot be changed, and a booking that does not sum to zero is refused at the commit', async () => {
  const { id: tenantId, key } = await t.tenant()
  await t.call('POST', '/subscriptions', { key, body: { plan: 'pro' } })
  await t.settle()
  const [invoice] = rows(await t.call('GET', '/invoices', { key }))
  const change = t.app.db.control.inTenant(tenantId, (tx) =>
    tx.updateTable('invoices').set({ total: 1n }).where('id', '=', String(invoice?.id)).execute(),
  )
  await expect(change).rejects.toThrow('is final')
  const unbalanced = t.app.db.control.inTenant(tenantId, async (tx) => {
    await tx
      .insertInto('ledger_journals')
      .values({ id: 'jrn_x', tenant_id: tenantId, at: t.clock.now(), kind: 'test', source_id: 'x' })
      .execute()
    await tx
      .insertInto('ledger_entries')
      .values({ tenant_id: tenantId, journal_id: 'jrn_x', account: 'cash', currency: 'USD', amount: 5n })
      .execute()
  })
  await expect(unbalanced).rejects.toThrow('does not balance')
})

test('a void takes the booking back, and what it billed can be billed anew', async () => {
  const { key } = await t.tenant()
  const sub = await t.call('POST', '/subscriptions', { key, body: { plan: 'pro' } })
  await t.settle()
  const [invoice] = rows(await t.call('GET', '/invoices', { key }))
  const voided = await t.call('POST', `/invoices/${invoice?.id}/void`, { key: t.operatorKey, body: { reason: 'wrong address' } })
  expect([voided.status, voided.body.status, voided.body.void_reason]).toEqual([200, 'void', 'wrong address'])
  expect((await t.call('GET', `/invoices/${invoice?.id}`, { key })).body.void_reason).toBe('wrong address')
  const anew = await t.call('POST', '/invoices/generate', { key, body: { subscription_id: sub.body.id } })
  expect(anew.body.generated).toBe(1)
})

const rows = ({ body }: { body: Record<string, unknown> }): Record<string, unknown>[] =>
  Array.isArray(body.data) ? body.data : []
