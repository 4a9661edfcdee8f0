import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'
import { AWAY, payments, takesAndGoes } from '../../../test/harness/payments.ts'

let t: TestApp
let p: ReturnType<typeof payments>
beforeAll(async () => {
  t = await testApp({ at: '2026-01-31T09:00:00Z' })
  p = payments(t)
})
afterAll(() => t.close())

test.each([
  ['tok_success', 200, { status: 'succeeded' }, 'paid'],
  ['tok_timeout', 200, { status: 'succeeded' }, 'paid'], // the answer is lost, the charge is not
  ['tok_lost', 202, { status: 'processing' }, 'open'], // nobody knows yet
  ['tok_decline', 402, { code: 'payment_declined', failure_code: 'insufficient_funds' }, 'open'],
  ['tok_requires_action', 200, { status: 'requires_action' }, 'open'],
  ['tok_of_nobody', 422, { code: 'payment_method_invalid' }, 'open'],
])('%s answers %i %o and leaves the invoice %s', async (token, status, body, invoice) => {
  const id = await p.openInvoice()
  const answer = await p.pay(id, token)
  expect([answer.status, answer.body]).toEqual([status, expect.objectContaining(body)])
  expect((await p.read(id)).status).toBe(invoice)
})

test('an action asked for says where, and once done the same payment succeeds', async () => {
  const id = await p.openInvoice()
  const asked = await p.pay(id, 'tok_requires_action')
  expect(asked.body).toMatchObject({ status: 'requires_action', action_url: expect.stringMatching(/^https:/) })
  const done = await p.pay(id, 'tok_action_done')
  expect(done.body).toMatchObject({ id: asked.body.id, status: 'succeeded', action_url: null })
  expect(await p.taken(id)).toEqual({ charges: 1, booked: 1 })
})

test('who is asked to act may take another card instead; one that is declined leaves the invoice to a third', async () => {
  const [one, other] = [await p.openInvoice(), await p.openInvoice()]
  for (const id of [one, other]) await p.pay(id, 'tok_requires_action')
  expect((await p.pay(one, 'tok_success')).body.status).toBe('succeeded')
  expect((await p.pay(other, 'tok_decline')).status).toBe(402)
  expect((await p.pay(other, 'tok_success')).body.status).toBe('succeeded')
  expect(await p.taken(one)).toEqual({ charges: 1, booked: 1 })
  expect(await p.taken(other)).toEqual({ charges: 1, booked: 1 })
  expect(await p.news(other)).toEqual([
    ['payment.requires_action', null],
    ['payment.failed', 'insufficient_funds'],
  ])
})

test('two processes pay one invoice ten times at once: one charge', async () => {
  const id = await p.openInvoice()
  const elsewhere = Array.from({ length: 5 }, () =>
    p
      .payWith({})(undefined, id, 'tok_success')
      .then(
        ({ status }) => status === 'succeeded',
        (error: { code?: string }) => error.code === 'invoice_already_paid',
      ),
  )
  const here = Array.from({ length: 5 }, async () => {
    const { status, body } = await p.pay(id, 'tok_success')
    return status === 200 || body.code === 'invoice_already_paid'
  })
  expect(await Promise.all([...elsewhere, ...here])).toEqual(Array.from({ length: 10 }, () => true))
  expect(await p.taken(id)).toEqual({ charges: 1, booked: 1 })
})

test('voided and paid at once, an invoice is one of both, and money is taken only for the paid', async () => {
  for (let round = 0; round < 8; round += 1) {
    const id = await p.openInvoice()
    const [voided, paid] = await Promise.all([p.void(id), p.pay(id, 'tok_success')])
    const { status } = await p.read(id)
    expect([voided.status, paid.status].sort()).toEqual([200, 409])
    expect(status).toBe(voided.status === 200 ? 'void' : 'paid')
    const times = status === 'paid' ? 1 : 0
    expect(await p.taken(id)).toEqual({ charges: times, booked: times })
  }
})

// IDEM-04 of the attacks: the process dies between the provider's charge and our commit.
test('stopped before or after the charge, a repeat resumes the same payment and charges once', async () => {
  for (const gateway of [AWAY, takesAndGoes(t)]) {
    const id = await p.openInvoice()
    expect((await p.payWith(gateway)(undefined, id, 'tok_success')).status).toBe('processing')
    expect((await p.read(id)).status).toBe('open')
    expect((await p.pay(id, 'tok_success')).body.status).toBe('succeeded')
    expect(await p.taken(id)).toEqual({ charges: 1, booked: 1 })
  }
})

test('a gateway that never answers holds nobody up: it is told to stop, and the payment is under way', async () => {
  const id = await p.openInvoice()
  const signals: AbortSignal[] = []
  const hangs = (signal: AbortSignal): Promise<never> => {
    signals.push(signal)
    return new Promise(() => {})
  }
  const silent = {
    charge: (_: unknown, signal: AbortSignal) => hangs(signal),
    find: (_: string, signal: AbortSignal) => hangs(signal),
  }
  expect((await p.payWith(silent, 20)(undefined, id, 'tok_success')).status).toBe('processing')
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  expect((await p.pay(id, 'tok_success')).body.status).toBe('succeeded')
})

test('another card is refused while nobody knows what became of the first', async () => {
  const id = await p.openInvoice()
  const lost = await p.pay(id, 'tok_lost')
  const other = await p.pay(id, 'tok_success')
  expect([other.status, other.body.code, other.body.payment_id]).toEqual([409, 'payment_under_way', lost.body.id])
  p.wait({ minutes: 1 })
  await p.resolve()
  expect((await p.pay(id, 'tok_success')).body.status).toBe('succeeded')
})

test('an invoice whose payment is under way is not voided; after a decline it is, and then not paid', async () => {
  const id = await p.openInvoice()
  await p.payWith(AWAY)(undefined, id, 'tok_decline')
  expect((await p.void(id)).body.code).toBe('invoice_being_paid')
  expect((await p.pay(id, 'tok_decline')).status).toBe(402)
  expect((await p.void(id)).status).toBe(200)
  expect((await p.pay(id, 'tok_success')).body).toMatchObject({ code: 'invoice_not_payable' })
})

test('a settled payment and a paid invoice are never written again, and no payment is of a stranger, not even by our own role', async () => {
  const id = await p.openInvoice()
  const { body } = await p.pay(id, 'tok_success')
  const asTenant = (work: Parameters<typeof t.app.db.control.inTenant<unknown>>[1], tenantId = String(body.tenant_id)) =>
    t.app.db.control.inTenant(tenantId, work)
  await expect(
    asTenant((tx) => tx.updateTable('payments').set({ status: 'failed' }).where('id', '=', String(body.id)).execute()),
  ).rejects.toThrow('is settled')
  await expect(
    asTenant((tx) => tx.updateTable('invoices').set({ amount_paid: 1n }).where('id', '=', id).execute()),
  ).rejects.toThrow('is paid')
  await expect(asTenant((tx) => tx.deleteFrom('payments').where('id', '=', String(body.id)).execute())).rejects.toThrow()
  const stranger = await t.database.createTenant()
  const now = t.clock.now()
  const foreign = { id: 'pay_x', tenant_id: stranger, invoice_id: await p.openInvoice(), status: 'processing', amount: 1n }
  const rest = { currency: 'USD', gateway: 'x', payment_method: 'x', resolve_at: now, created_at: now, updated_at: now }
  await expect(
    asTenant(
      (tx) =>
        tx
          .insertInto('payments')
          .values({ ...foreign, ...rest })
          .execute(),
      stranger,
    ),
  ).rejects.toThrow('foreign key')
})
