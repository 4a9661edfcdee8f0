import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'
import { silent } from '../../../test/harness/database.ts'
import { outboxWriter } from '../../platform/outbox/outbox.ts'
import { paymentJobs, paymentService, sandboxGateway } from './index.ts'
import type { PaymentGateway } from './payment.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2026-01-31T09:00:00Z' })
})
afterAll(() => t.close())

type Body = Record<string, unknown>
const rows = (body: Body): Body[] => (Array.isArray(body.data) ? body.data : [])
const post = (path: string, body: Body) => t.call('POST', path, { key: t.operatorKey, body })
const pay = (id: string, token: string) => post(`/invoices/${id}/pay`, { payment_method: token })
const read = async (id: string) => (await t.call('GET', `/invoices/${id}`, { key: t.operatorKey })).body
const openInvoice = async (): Promise<string> => {
  const tenantId = await t.database.createTenant()
  await post('/subscriptions', { tenant_id: tenantId, plan: 'pro' })
  await t.settle()
  return String(rows((await t.call('GET', `/invoices?tenant_id=${tenantId}`, { key: t.operatorKey })).body)[0]?.id)
}
/** What the provider took for an invoice, and what our books say of it. */
const taken = (invoiceId: string) =>
  t.app.db.control.asOperator('test', async (tx) => {
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
  })
/** The service with a gateway that misbehaves. */
const payWith = (faults: Partial<PaymentGateway>) => {
  const { db, clock, ids } = t.app
  const gateway = { ...sandboxGateway({ db, clock }), ...faults }
  return paymentService({ db, clock, ids, log: silent, gateway, outbox: outboxWriter({ clock, ids }) }).pay
}
const resolve = async () => t.app.jobs.find(({ name }) => name === 'payments-resolve')?.run()

test.each([
  ['tok_success', 200, { status: 'succeeded' }, 'paid'],
  ['tok_timeout', 200, { status: 'succeeded' }, 'paid'], // the answer is lost, the charge is not
  ['tok_decline', 402, { code: 'payment_declined', failure_code: 'insufficient_funds' }, 'open'],
  ['tok_requires_action', 200, { status: 'requires_action' }, 'open'],
  ['tok_of_nobody', 422, { code: 'payment_method_invalid' }, 'open'],
])('%s answers %i %o and leaves the invoice %s', async (token, status, body, invoice) => {
  const id = await openInvoice()
  const answer = await pay(id, token)
  expect([answer.status, answer.body]).toEqual([status, expect.objectContaining(body)])
  expect((await read(id)).status).toBe(invoice)
})

test('an action asked for says where, and once done the same payment succeeds', async () => {
  const id = await openInvoice()
  const asked = await pay(id, 'tok_requires_action')
  expect(asked.body).toMatchObject({ status: 'requires_action', action_url: expect.stringMatching(/^https:/) })
  const done = await pay(id, 'tok_action_done')
  expect(done.body).toMatchObject({ id: asked.body.id, status: 'succeeded', action_url: null })
  expect(await taken(id)).toEqual({ charges: 1, booked: 1 })
})

test('ten payments of one invoice at once charge once', async () => {
  const id = await openInvoice()
  const answers = await Promise.all(Array.from({ length: 10 }, () => pay(id, 'tok_success')))
  expect(answers.every(({ status, body }) => status === 200 || body.code === 'invoice_already_paid')).toBe(true)
  expect(await taken(id)).toEqual({ charges: 1, booked: 1 })
})

// IDEM-04 of the attacks: the process dies between the provider's charge and our commit.
test('stopped before or after the charge, a repeat resumes the same payment and charges once', async () => {
  for (const when of ['before', 'after']) {
    const id = await openInvoice()
    const gateway = sandboxGateway(t.app)
    const dies: Partial<PaymentGateway> = {
      async charge(charge) {
        if (when === 'after') await gateway.charge(charge)
        throw new Error('gone')
      },
      find: () => Promise.reject(new Error('gone')),
    }
    expect((await payWith(dies)(undefined, id, 'tok_success')).status).toBe('processing')
    expect((await read(id)).status).toBe('open')
    expect((await pay(id, 'tok_success')).body.status).toBe('succeeded')
    expect(await taken(id)).toEqual({ charges: 1, booked: 1 })
  }
})

test('a payment that nobody came back for is settled by the job, once', async () => {
  const id = await openInvoice()
  const gateway = sandboxGateway(t.app)
  const lost: Partial<PaymentGateway> = {
    async charge(charge) {
      await gateway.charge(charge)
      throw new Error('gone')
    },
    find: () => Promise.reject(new Error('gone')),
  }
  await payWith(lost)(undefined, id, 'tok_success')
  t.clock.set(t.clock.now().add({ minutes: 2 }))
  await Promise.all([resolve(), resolve()])
  expect((await read(id)).status).toBe('paid')
  expect(await taken(id)).toEqual({ charges: 1, booked: 1 })
})

test('an invoice whose payment is under way is not voided; after a decline it is, and then not paid', async () => {
  const id = await openInvoice()
  await payWith({ charge: () => Promise.reject(new Error('gone')), find: () => Promise.reject(new Error('gone')) })(
    undefined,
    id,
    'tok_decline',
  )
  expect((await post(`/invoices/${id}/void`, {})).body.code).toBe('invoice_being_paid')
  expect((await pay(id, 'tok_decline')).status).toBe(402)
  expect((await post(`/invoices/${id}/void`, {})).status).toBe(200)
  expect((await pay(id, 'tok_success')).body).toMatchObject({ code: 'invoice_not_payable' })
})

test('a settled payment and a paid invoice are never written again, not even by our own role', async () => {
  const id = await openInvoice()
  const { body } = await pay(id, 'tok_success')
  const asTenant = (work: Parameters<typeof t.app.db.control.inTenant<unknown>>[1]) =>
    t.app.db.control.inTenant(String(body.tenant_id), work)
  await expect(
    asTenant((tx) => tx.updateTable('payments').set({ status: 'failed' }).where('id', '=', String(body.id)).execute()),
  ).rejects.toThrow('is settled')
  await expect(
    asTenant((tx) => tx.updateTable('invoices').set({ amount_paid: 1n }).where('id', '=', id).execute()),
  ).rejects.toThrow('is paid')
  await expect(asTenant((tx) => tx.deleteFrom('payments').where('id', '=', String(body.id)).execute())).rejects.toThrow()
})

test('a payment that cannot be settled keeps no other from it', async () => {
  const [stuck, sound] = [await openInvoice(), await openInvoice()]
  const unheard = { charge: () => Promise.reject(new Error('gone')), find: () => Promise.reject(new Error('gone')) }
  for (const id of [stuck, sound]) await payWith(unheard)(undefined, id, 'tok_success')
  const { db, clock, ids } = t.app
  const sandbox = sandboxGateway({ db, clock })
  const key = await db.control.asOperator('test', (tx) =>
    tx.selectFrom('payments').select('id').where('invoice_id', '=', stuck).executeTakeFirstOrThrow(),
  )
  const gateway = { ...sandbox, find: (id: string) => (id === key.id ? Promise.reject(new Error('no')) : sandbox.find(id)) }
  t.clock.set(t.clock.now().add({ minutes: 2 }))
  const [job] = paymentJobs({ db, clock, ids, log: silent, gateway, outbox: outboxWriter({ clock, ids }) })
  await job?.run()
  expect((await read(sound)).status).toBe('paid')
  expect((await read(stuck)).status).toBe('open')
})
