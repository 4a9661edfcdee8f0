import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2028-01-31T09:00:00Z' })
})
afterAll(() => t.close())

const rows = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : [])

test('a year in Berlin: month ends, a leap day, clocks that change, an upgrade and a downgrade, each billed once and to the cent', async () => {
  const { key } = await t.tenant({ timeZone: 'Europe/Berlin' })
  const { body: sub } = await t.call('POST', '/subscriptions', { key, body: { plan: 'starter' } })
  const at = async (instant: string): Promise<void> => {
    t.clock.set(instant)
    const { status } = await t.call('POST', '/invoices/generate', { key, body: { subscription_id: sub.id } })
    expect(status).toBe(200)
  }

  await at('2028-01-31T09:00:00Z')
  await at('2028-02-29T09:00:00Z') // 2028 has one
  await at('2028-03-15T21:00:00Z')
  await t.call('POST', `/subscriptions/${sub.id}/upgrade`, { key, body: { plan: 'pro' } })
  await at('2028-03-15T21:00:00Z')
  await at('2028-03-31T08:00:00Z') // ten in the morning as ever, an hour earlier in UTC
  await t.call('POST', `/subscriptions/${sub.id}/downgrade`, { key, body: { plan: 'starter' } })
  for (const day of ['04-30T08', '05-31T08', '06-30T08', '07-31T08', '08-31T08', '09-30T08', '10-31T09', '11-30T09', '12-31T09'])
    await at(`2028-${day}:00:00Z`)

  const listed = rows((await t.call('GET', '/invoices?limit=200', { key })).body.data).toReversed()
  const told = listed.map(({ number, kind, total, period_start, period_end }) => [
    number,
    kind,
    total,
    `${period_start} ${period_end}`,
  ])
  const starter = (n: number, from: string, to: string) => [
    `INV-${String(n).padStart(6, '0')}`,
    'period',
    '29.99',
    `2028-${from}:00:00Z 202${to}:00:00Z`,
  ]
  expect(told).toEqual([
    starter(1, '01-31T09', '8-02-29T09'), // the 31st is clamped to the leap day …
    starter(2, '02-29T09', '8-03-31T08'), // … and comes back; summer time began on 26 March
    // 743 hours, 371 of them left: 99.99 × 371 ÷ 743 = 49.93 is charged, 29.99 × 371 ÷ 743 = 14.97 given back.
    ['INV-000003', 'change', '34.96', '2028-03-15T21:00:00Z 2028-03-31T08:00:00Z'],
    ['INV-000004', 'period', '99.99', '2028-03-31T08:00:00Z 2028-04-30T08:00:00Z'],
    starter(5, '04-30T08', '8-05-31T08'), // the downgrade waited for the period to end
    starter(6, '05-31T08', '8-06-30T08'),
    starter(7, '06-30T08', '8-07-31T08'),
    starter(8, '07-31T08', '8-08-31T08'),
    starter(9, '08-31T08', '8-09-30T08'),
    starter(10, '09-30T08', '8-10-31T09'), // summer time ended on 29 October
    starter(11, '10-31T09', '8-11-30T09'),
    starter(12, '11-30T09', '8-12-31T09'),
    starter(13, '12-31T09', '9-01-31T09'),
  ])
})
