import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ at: '2026-04-01T00:00:00Z' })
})
afterAll(() => t.close())

type Body = Record<string, unknown>
const rows = (value: unknown): Body[] => (Array.isArray(value) ? value : [])

const subscribed = async (body: Body) => {
  t.clock.set('2026-04-01T00:00:00Z')
  const { id: tenantId, key } = await t.tenant()
  const { body: sub } = await t.call('POST', '/subscriptions', { key, body })
  const post = async (path: string, sent: Body = {}) => {
    const answer = await t.call('POST', path, { key, body: sent })
    if (answer.status >= 300) throw new Error(answer.text)
    return answer.body
  }
  return {
    key,
    tenantId,
    post,
    act: (verb: string, sent: Body) => post(`/subscriptions/${sub.id}/${verb}`, sent),
    /** Hours of compute time, all at once. */
    async compute(hours: number, at: string) {
      t.clock.set(at)
      await post('/usage/record', { id: `run-${at}`, type: 'COMPUTE_TIME', quantity: String(hours * 3_600), occurred_at: at })
    },
    async addUsers(count: number) {
      for (let n = 1; n <= count; n += 1)
        await post(`/tenants/${tenantId}/users`, { email: `u${n}@example.com`, name: 'U', role: 'member' })
    },
    async billedAt(at: string): Promise<[unknown, unknown, unknown][]> {
      t.clock.set(at)
      await post('/invoices/generate', { subscription_id: sub.id })
      const [newest] = rows((await t.call('GET', '/invoices?limit=1', { key })).body.data)
      const { body: invoice } = await t.call('GET', `/invoices/${newest?.id}`, { key })
      return rows(invoice.lines).map(({ kind, description, amount }) => [kind, description, amount])
    },
  }
}

test('who leaves for the free plan in the last second pays for the use before it', async () => {
  const s = await subscribed({ plan: 'starter' })
  await s.compute(300, '2026-04-20T00:00:00Z')
  t.clock.set('2026-04-30T23:59:59Z')
  await s.act('downgrade', { plan: 'free', when: 'now' })
  const [base, overage, ...more] = await s.billedAt('2026-05-01T00:00:00Z')
  expect(more).toEqual([])
  expect([base?.[2], overage]).toEqual([
    '0.00',
    ['overage', '200.000034722222 compute hours beyond the 99.999965277778 included, on Starter', '100.00'],
  ])
})

test('a year’s users are counted month by month, against what each month includes', async () => {
  const s = await subscribed({ plan: 'starter', cycle: 'annual' })
  t.clock.set('2027-03-10T00:00:00Z')
  await s.addUsers(4) // with the owner five: two beyond the three included, in the last month alone
  const lines = await s.billedAt('2027-04-01T00:00:00Z')
  expect(lines).toEqual([
    ['base', 'Starter, 12 months at 29.99', '359.88'],
    ['overage', '2 user-months beyond the 36 included', '20.00'],
  ])
})

test('a change of the cycle in mid-month takes no user for one too many, and its preview says what its invoice does', async () => {
  const s = await subscribed({ plan: 'starter' })
  await s.addUsers(2) // three with the owner, as many as the plan includes
  await s.compute(80, '2026-04-10T00:00:00Z')
  t.clock.set('2026-04-16T00:00:00Z')
  const preview = await s.act('preview', { plan: 'starter', cycle: 'annual', when: 'now' })
  expect(preview).toMatchObject({ credit: '14.99', charge: '359.88', usage: '15.00', net_now: '359.89' })
  await s.act('upgrade', { plan: 'starter', cycle: 'annual', when: 'now' })
  expect(await s.billedAt('2026-04-16T00:00:00Z')).toEqual([
    ['proration', 'Unused time of Starter', '-14.99'],
    ['proration', 'Remaining time of Starter', '359.88'],
    ['overage', '30 compute hours beyond the 50 included', '15.00'],
  ])
})

test('who changes up for more users pays for none that the new plan includes, and metrics say so', async () => {
  const s = await subscribed({ plan: 'starter' })
  t.clock.set('2026-04-16T00:00:00Z')
  await s.act('upgrade', { plan: 'pro' })
  await s.addUsers(9)
  t.clock.set('2026-04-30T00:00:00Z')
  const { body: metrics } = await t.call('GET', `/subscriptions/${s.tenantId}/metrics`, { key: s.key })
  expect(rows(metrics.meters).find(({ meter }) => meter === 'users')).toMatchObject({
    used: '10',
    included: '10',
    overage: '0',
    overage_amount: '0.00',
  })
  expect(await s.billedAt('2026-05-01T00:00:00Z')).toEqual([['base', 'Pro, one month', '99.99']])
})
