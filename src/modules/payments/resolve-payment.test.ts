import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'
import { AWAY, payments, takesAndGoes } from '../../../test/harness/payments.ts'
import { sandboxGateway } from './index.ts'
import { decideResolution } from './resolution.ts'

let t: TestApp
let p: ReturnType<typeof payments>
beforeAll(async () => {
  t = await testApp({ at: '2026-01-31T09:00:00Z' })
  p = payments(t)
})
afterAll(() => t.close())

const at = (text: string) => Temporal.Instant.from(`2026-01-31T${text}Z`)
const SUCCEEDED = { status: 'succeeded', reference: 'x' } as const
const ASKED = { status: 'requires_action', reference: 'x', actionUrl: 'https://x.invalid' } as const

test.each([
  ['processing', undefined, '09:01:00', { do: 'give_up', why: 'not_received' }],
  ['processing', SUCCEEDED, '09:01:00', { do: 'settle', result: SUCCEEDED }],
  ['processing', ASKED, '09:01:00', { do: 'settle', result: ASKED }],
  ['requires_action', ASKED, '23:00:00', { do: 'wait' }],
  ['requires_action', SUCCEEDED, '09:05:00', { do: 'settle', result: SUCCEEDED }],
] as const)('what is %s with us and %o at the gateway, at %s: %o', (status, found, now, expected) => {
  expect(decideResolution({ status, updatedAt: at('09:00:00') }, found, at(now))).toEqual(expected)
})

test('the payer has a day to act, not a second more', () => {
  const asked = { status: 'requires_action', updatedAt: at('09:00:00') } as const
  const end = at('09:00:00').add({ hours: 24 })
  expect(decideResolution(asked, ASKED, end.subtract({ nanoseconds: 1 }))).toEqual({ do: 'wait' })
  expect(decideResolution(asked, ASKED, end)).toEqual({ do: 'give_up', why: 'action_expired' })
})

test('a payment that nobody came back for is settled by the job, once, however many workers look', async () => {
  const id = await p.openInvoice()
  await p.payWith(takesAndGoes(t))(undefined, id, 'tok_success')
  p.wait({ minutes: 1 })
  await Promise.all([p.resolve(), p.resolve(), p.resolve()])
  expect((await p.read(id)).status).toBe('paid')
  expect(await p.taken(id)).toEqual({ charges: 1, booked: 1 })
})

test('a charge that never arrived is not made behind the back of who asked for it: it fails, and the invoice can be paid anew', async () => {
  const id = await p.openInvoice()
  const { body: lost } = await p.pay(id, 'tok_lost')
  p.wait({ seconds: 59 })
  await p.resolve()
  expect(await p.paymentsOf(id)).toMatchObject([{ status: 'processing' }])
  p.wait({ seconds: 1 })
  await p.resolve()
  expect(await p.paymentsOf(id)).toMatchObject([{ id: lost.id, status: 'failed', failure_code: 'not_received' }])
  expect(await p.news(id)).toEqual([['payment.failed', 'not_received']])
  expect((await p.pay(id, 'tok_success')).body.status).toBe('succeeded')
  expect(await p.taken(id)).toEqual({ charges: 1, booked: 1 })
})

test('a charge that was under way for longer than we waited takes nothing once it was given up', async () => {
  const id = await p.openInvoice()
  const gateway = sandboxGateway(t.app)
  const { promise: arrives, resolve: arrive } = Promise.withResolvers<void>()
  let answer: ReturnType<typeof gateway.charge> | undefined
  const slow = {
    charge: (...asked: Parameters<typeof gateway.charge>) => {
      answer = arrives.then(() => gateway.charge(...asked))
      return answer
    },
  }
  expect((await p.payWith(slow, 20)(undefined, id, 'tok_success')).status).toBe('processing')
  p.wait({ minutes: 1 })
  await p.resolve()
  arrive()
  expect(await answer).toEqual({ status: 'failed', failureCode: 'not_received' })
  expect(await p.taken(id)).toEqual({ charges: 0, booked: 0 })
})

test('an action that nobody takes expires after a day: the invoice can be paid anew, or voided, and the late payer pays nothing', async () => {
  const [paid, voided] = [await p.openInvoice(), await p.openInvoice()]
  for (const id of [paid, voided]) await p.pay(id, 'tok_requires_action')
  p.wait({ hours: 23 })
  await p.resolve()
  expect((await p.void(voided)).body.code).toBe('invoice_being_paid')
  p.wait({ hours: 1 })
  await p.resolve()
  const [expired] = await p.paymentsOf(paid)
  expect(expired).toMatchObject({ status: 'failed', failure_code: 'action_expired', action_url: null })
  expect(await p.news(paid)).toEqual([
    ['payment.requires_action', null],
    ['payment.failed', 'action_expired'],
  ])
  const late = { idempotencyKey: String(expired?.id), amount: 9999n, currency: 'USD', paymentMethod: 'tok_action_done' }
  expect(await sandboxGateway(t.app).charge(late, AbortSignal.timeout(5_000))).toMatchObject({ status: 'failed' })
  expect((await p.pay(paid, 'tok_success')).body.status).toBe('succeeded')
  expect((await p.void(voided)).status).toBe(200)
  expect(await p.taken(paid)).toEqual({ charges: 1, booked: 1 })
})

test('a payer who acts at the gateway and does not come back has paid, five minutes later', async () => {
  const id = await p.openInvoice()
  const { body } = await p.pay(id, 'tok_requires_action')
  const act = { idempotencyKey: String(body.id), amount: 9999n, currency: 'USD', paymentMethod: 'tok_action_done' }
  await sandboxGateway(t.app).charge(act, AbortSignal.timeout(5_000))
  p.wait({ minutes: 5 })
  await p.resolve()
  expect((await p.read(id)).status).toBe('paid')
  expect(await p.taken(id)).toEqual({ charges: 1, booked: 1 })
})

test('payments that cannot be settled keep no other from it, and are tried again a minute later', async () => {
  const ids: string[] = []
  for (let n = 0; n < 13; n += 1) ids.push(await p.openInvoice())
  for (const id of ids) await p.payWith(takesAndGoes(t))(undefined, id, 'tok_success')
  const sound = ids.at(-1) ?? ''
  const [key] = await p.paymentsOf(sound)
  const find = sandboxGateway(t.app).find
  p.wait({ minutes: 1 })
  const stuck = { ...AWAY, find: (id: string, signal: AbortSignal) => (id === key?.id ? find(id, signal) : AWAY.find()) }
  await p.resolveWith(stuck)
  const status = async (id: string) => (await p.read(id)).status
  expect(await Promise.all(ids.map(status))).toEqual([...ids.slice(1).map(() => 'open'), 'paid'])
  p.wait({ minutes: 1 })
  await p.resolve()
  expect(new Set(await Promise.all(ids.map(status)))).toEqual(new Set(['paid']))
})
