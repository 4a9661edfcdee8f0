import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'
import { billing } from '../../../test/harness/billing.ts'

let t: TestApp
let b: ReturnType<typeof billing>
beforeAll(async () => {
  t = await testApp({ at: '2026-04-01T00:00:00Z' })
  b = billing(t)
})
afterAll(() => t.close())

/** STARTER from 1 April, ended on the 15th with nothing used. */
const ended = async () => {
  t.clock.set('2026-04-01T00:00:00Z')
  const subscription = await b.subscribe('starter')
  t.clock.set('2026-04-15T00:00:00Z')
  await b.post(`/subscriptions/${subscription.id}/cancel`, { when: 'now' })
  await t.settle()
  return subscription
}
const live = async (tenantId: string) => (await b.invoicesOf(tenantId)).filter(({ status }) => status !== 'void')
const totals = async (tenantId: string) => (await live(tenantId)).map(({ total }) => total)

test('use that comes after the end is billed by the job, once, however many workers and people are at it', async () => {
  const { tenantId, id } = await ended()
  await b.billLate()
  expect(await totals(tenantId)).toEqual(['29.99', '0.00'])
  await b.record(tenantId, 14_000, '2026-04-14T12:00:00Z')
  await Promise.all([b.billLate(), b.billLate(), b.generate(id), b.generate(id), b.billLate()])
  await b.billLate()
  expect(await totals(tenantId)).toEqual(['29.99', '0.00', '0.40'])
  await b.record(tenantId, 1_000, '2026-04-14T13:00:00Z')
  await b.billLate()
  expect(await totals(tenantId)).toEqual(['29.99', '0.00', '0.40', '0.10'])
  expect((await b.numbers()).gapless).toBe(true)
})

test('what an operator voided the job lets be; generate bills it anew, with what came since', async () => {
  const { tenantId, id } = await ended()
  await b.record(tenantId, 14_000, '2026-04-14T12:00:00Z')
  await b.billLate()
  const late = (await live(tenantId)).at(-1)
  expect((await b.post(`/invoices/${late?.id}/void`, {})).status).toBe(200)
  await b.record(tenantId, 1_000, '2026-04-14T13:00:00Z')
  await b.billLate()
  expect(await totals(tenantId)).toEqual(['29.99', '0.00'])
  expect(await b.generate(id)).toMatchObject({ generated: 1 })
  expect(await totals(tenantId)).toEqual(['29.99', '0.00', '0.50'])
  await b.record(tenantId, 1_000, '2026-04-14T14:00:00Z')
  await b.billLate()
  expect(await totals(tenantId)).toEqual(['29.99', '0.00', '0.50', '0.10'])
})

test('the job looks back 90 days, and asked for it is billed after that too', async () => {
  const { tenantId, id } = await ended()
  t.clock.set(t.clock.now().add({ hours: 90 * 24, seconds: 1 }))
  await b.record(tenantId, 14_000, '2026-04-14T12:00:00Z')
  await b.billLate()
  expect(await totals(tenantId)).toEqual(['29.99', '0.00'])
  expect(await b.generate(id)).toMatchObject({ generated: 1 })
})

test('one subscription whose late use cannot be billed keeps no other from it', async () => {
  const [broken, sound] = [await ended(), await ended()]
  for (const { tenantId } of [broken, sound]) await b.record(tenantId, 14_000, '2026-04-14T12:00:00Z')
  const zone = (time_zone: string) =>
    b.operator((tx) => tx.updateTable('subscriptions').set({ time_zone }).where('id', '=', broken.id).execute())
  await zone('No/Where')
  await b.billLate()
  expect(await totals(sound.tenantId)).toEqual(['29.99', '0.00', '0.40'])
  expect(await totals(broken.tenantId)).toEqual(['29.99', '0.00'])
  await zone('UTC')
  await b.billLate()
  expect(await totals(broken.tenantId)).toEqual(['29.99', '0.00', '0.40'])
})
