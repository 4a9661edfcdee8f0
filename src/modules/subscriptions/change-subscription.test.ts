import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventTypes, phasesOf, subscribe } from '../../../test/harness/subscribe.ts'
import { OPERATOR, type SubscriptionBench, subscriptionBench } from '../../../test/harness/subscriptions.ts'
import { parseAmount } from '../../lib/money.ts'
import { readChanged, readEnded, readPeriodStarted } from './index.ts'

let bench: SubscriptionBench
beforeAll(async () => {
  bench = await subscriptionBench('2026-03-01T00:00:00Z')
})
afterAll(() => bench.database.close())

const begin = (body: Record<string, unknown>, at?: string) => subscribe(bench, body, at)
const types = (tenantId: string) => eventTypes(bench, tenantId)
const phases = (id: string) => phasesOf(bench, id)

test('an upgrade bills now what its preview said, and switches the phase', async () => {
  const { tenantId, subscription, act } = await begin({ plan: 'pro' })
  bench.clock.set('2026-03-16T12:00:00Z')
  const preview = await act('previewSubscriptionChange', { plan: 'business' })
  expect(preview).toMatchObject({
    when: 'now',
    effective_at: '2026-03-16T12:00:00Z',
    lines: [
      { description: 'Unused time of Pro', amount: '-49.99', period_end: '2026-04-01T00:00:00Z' },
      { description: 'Remaining time of Business', amount: '149.99' },
    ],
    credit: '49.99',
    charge: '149.99',
    net_now: '100.00',
    next_period: { index: 1, start: '2026-04-01T00:00:00Z', base: '299.99' },
  })
  expect(await types(tenantId)).toEqual(['created', 'period_started']) // a preview does nothing
  const changed = await act('upgradeSubscription', { plan: 'business' })
  expect(changed).toMatchObject({
    plan: 'business',
    monthly_price: '299.99',
    period: { index: 0 },
    updated_at: '2026-03-16T12:00:00Z',
  })
  const event = (await bench.events(tenantId)).at(-1)
  expect(event?.type).toBe('subscription.changed')
  expect(readChanged(event?.payload)).toMatchObject({
    subscriptionId: subscription.id,
    credit: 4999n,
    charge: 14999n,
    old: { monthlyPrice: 9999n },
    new: { monthlyPrice: 29999n },
    closedPeriod: undefined,
  })
  const at = Temporal.Instant.from('2026-03-16T12:00:00Z')
  expect(await phases(String(subscription.id))).toMatchObject([
    { reason: 'created', ends_at: at },
    { reason: 'upgraded', monthly_price: 29999n, starts_at: at, ends_at: null },
  ])
})

test('preview and deed agree for every plan, cycle and time', async () => {
  for (const plan of ['free', 'starter', 'business', 'enterprise'] as const)
    for (const cycle of ['monthly', 'quarterly', 'annual'] as const) {
      const { tenantId, act } = await begin({ plan: 'pro' })
      bench.clock.set('2026-03-19T03:04:05.678901234Z')
      const order = { plan, cycle, when: 'now' }
      const preview = await act('previewSubscriptionChange', order)
      await act(plan === 'free' || plan === 'starter' ? 'downgradeSubscription' : 'upgradeSubscription', order)
      const done = readChanged((await bench.events(tenantId)).at(-1)?.payload)
      const amounts = [preview.credit, preview.charge].map((amount) => parseAmount(String(amount), 'USD'))
      expect({ plan, cycle, amounts }).toEqual({ plan, cycle, amounts: [done.credit, done.charge] })
    }
})

test('a downgrade waits for the end of the period; a change in between takes its place', async () => {
  const { tenantId, act } = await begin({ plan: 'pro' })
  bench.clock.set('2026-03-10T00:00:00Z')
  const waiting = await act('downgradeSubscription', { plan: 'starter' })
  expect(waiting).toMatchObject({ plan: 'pro', scheduled: { plan: 'starter', monthly_price: '29.99' } })
  expect(await types(tenantId)).toEqual(['created', 'period_started', 'change_scheduled'])
  expect(await act('upgradeSubscription', { plan: 'business' })).toMatchObject({ plan: 'business', scheduled: null })
})

test('a change asked for after missed months is made in the period that runs: the steps are taken first, each announced', async () => {
  const { tenantId, subscription, act } = await begin({ plan: 'pro' }, '2026-01-31T00:00:00Z')
  await act('downgradeSubscription', { plan: 'starter' })
  bench.clock.set('2026-04-15T00:00:00Z')
  const changed = await act('upgradeSubscription', { plan: 'pro' })
  expect(changed).toMatchObject({ plan: 'pro', period: { index: 2, start: '2026-03-31T00:00:00Z', end: '2026-04-30T00:00:00Z' } })
  const events = await bench.events(tenantId)
  expect(events.map(({ type }) => type.replace('subscription.', ''))).toEqual([
    'created',
    'period_started',
    'change_scheduled',
    'period_started',
    'period_started',
    'changed',
  ])
  expect(events.slice(3, 5).map(({ payload }) => readPeriodStarted(payload).newPeriod)).toMatchObject([
    { index: 1, base: 2999n },
    { index: 2, base: 2999n },
  ])
  expect(await phases(String(subscription.id))).toMatchObject([
    { reason: 'created' },
    { reason: 'downgraded' },
    { reason: 'upgraded' },
  ])
})

test('a price agreed with a tenant holds for its plan and ends with it', async () => {
  const { act } = await begin({ plan: 'pro', price_override: '50.00' })
  expect(await act('previewSubscriptionChange', { plan: 'pro', cycle: 'annual' })).toMatchObject({
    charge: '600.00',
    credit: '50.00',
  })
  await expect(act('upgradeSubscription', { plan: 'business', price_override: '1.00' })).rejects.toMatchObject({
    code: 'operator_only',
  })
  expect(await act('upgradeSubscription', { plan: 'business', price_override: '250.00' }, OPERATOR)).toMatchObject({
    monthly_price: '250.00',
    price_overridden: true,
  })
  expect(await act('downgradeSubscription', { plan: 'starter', when: 'now' })).toMatchObject({
    monthly_price: '29.99',
    price_overridden: false,
  })
})

test('ten upgrades at once bill one change', async () => {
  const { tenantId, act } = await begin({ plan: 'pro' })
  bench.clock.set('2026-03-10T00:00:00Z')
  const asked = await Promise.allSettled(Array.from({ length: 10 }, () => act('upgradeSubscription', { plan: 'business' })))
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect((await types(tenantId)).filter((type) => type === 'changed')).toHaveLength(1)
})

test('ups, downs and cancellations all at once: each finds the one before it, phases tile and what is billed adds up', async () => {
  const { tenantId, subscription, act } = await begin({ plan: 'pro' })
  bench.clock.set('2026-03-10T00:00:00Z')
  const asked = await Promise.allSettled([
    ...Array.from({ length: 5 }, () => act('upgradeSubscription', { plan: 'business' })),
    ...Array.from({ length: 5 }, () => act('downgradeSubscription', { plan: 'starter', when: 'now' })),
    ...Array.from({ length: 3 }, () => act('downgradeSubscription', { plan: 'free' })),
    act('cancelSubscription'),
    act('cancelSubscription', { when: 'now', prorate: true }, OPERATOR),
  ])
  const refused = asked.flatMap((one) => (one.status === 'rejected' ? [String(one.reason.code)] : []))
  const CONFLICTS = ['plan_unchanged', 'not_an_upgrade', 'not_a_downgrade', 'subscription_ending', 'subscription_ended']
  expect(refused.filter((code) => !CONFLICTS.includes(code))).toEqual([])
  const events = await bench.events(tenantId)
  const changes = events.filter(({ type }) => type === 'subscription.changed').map(({ payload }) => readChanged(payload))
  const ends = events.filter(({ type }) => type === 'subscription.ended').map(({ payload }) => readEnded(payload))
  expect(ends).toHaveLength(1)
  const lived = await phases(String(subscription.id))
  expect(lived).toHaveLength(1 + changes.length)
  for (const [index, { ends_at }] of lived.entries())
    expect(String(ends_at)).toBe(String(lived[index + 1]?.starts_at ?? '2026-03-10T00:00:00Z'))
  const net = changes.reduce((sum, { charge, credit }) => sum + charge - credit, 9999n) - (ends[0]?.credit ?? 0n)
  expect(net).toBe(2903n) // nine days of 31 of PRO: 29.03, whatever came in between
})
