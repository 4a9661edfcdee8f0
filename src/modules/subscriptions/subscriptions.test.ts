import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventTypes, subscribe } from '../../../test/harness/subscribe.ts'
import { type SubscriptionBench, subscriptionBench, tenantCaller } from '../../../test/harness/subscriptions.ts'
import { withOwner } from '../../platform/db/migrate.ts'
import { readPeriodStarted } from './index.ts'

let bench: SubscriptionBench
beforeAll(async () => {
  bench = await subscriptionBench('2026-03-01T00:00:00Z')
})
afterAll(() => bench.database.close())

const begin = (body: Record<string, unknown>, at?: string, timeZone?: string) => subscribe(bench, body, at, timeZone)
const types = (tenantId: string) => eventTypes(bench, tenantId)

test('a tenant subscribes: a month from now in its own time zone, its first base announced for billing', async () => {
  const { tenantId, subscription } = await begin({ plan: 'pro' }, '2026-01-31T23:30:00Z', 'Europe/Berlin')
  expect(subscription).toMatchObject({
    tenant_id: tenantId,
    status: 'active',
    plan: 'pro',
    cycle: 'monthly',
    monthly_price: '99.99',
    price_overridden: false,
    currency: 'USD',
    time_zone: 'Europe/Berlin',
    period: { index: 0, start: '2026-01-31T23:30:00Z', end: '2026-02-28T23:30:00Z' }, // 1 February, 00:30 there
    scheduled: null,
  })
  expect(await types(tenantId)).toEqual(['created', 'period_started'])
  const [, started] = await bench.events(tenantId)
  expect(readPeriodStarted(started?.payload)).toMatchObject({
    subscriptionId: subscription.id,
    newPeriod: { index: 0, base: 9999n },
  })
  const read = await bench.call('getSubscription', { params: { id: String(subscription.id) } }, tenantCaller(tenantId))
  expect(read).toEqual(subscription)
})

test('a tenant has one live subscription, also when it asks ten times at once', async () => {
  const tenantId = await bench.database.createTenant()
  const asked = await Promise.allSettled(
    Array.from({ length: 10 }, () => bench.call('createSubscription', { body: { plan: 'free' } }, tenantCaller(tenantId))),
  )
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const one of asked)
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ kind: 'conflict', code: 'subscription_exists' })
  expect(await types(tenantId)).toEqual(['created', 'period_started'])
})

test.each([
  ['plan_not_found', { plan: 'gold' }, {}],
  ['operator_only', { plan: 'pro', trial_days: 30 }, {}],
  ['operator_only', { plan: 'pro', price_override: '1.00' }, {}],
  ['operator_only', { plan: 'pro', anchor_at: '2026-03-01T00:00:00Z' }, {}],
  ['tenant_not_usable', { plan: 'pro' }, { status: 'suspended' }],
  ['tenant_not_usable', { plan: 'pro' }, { status: 'churned' }],
])('%s: %o is refused, and nothing remains of it', async (code, body, { status }: { status?: string }) => {
  const tenantId = await bench.database.createTenant()
  if (status)
    await withOwner(bench.database.ownerUrl, (owner) =>
      owner.query('update tenants set status = $2 where id = $1', [tenantId, status]),
    )
  await expect(bench.call('createSubscription', { body }, tenantCaller(tenantId))).rejects.toMatchObject({ code })
  expect(await bench.events(tenantId)).toEqual([])
})

test('an operator must say whose subscription it is, and of a tenant that exists', async () => {
  await expect(bench.call('createSubscription', { body: { plan: 'pro' } })).rejects.toMatchObject({ code: 'tenant_required' })
  const ghost = bench.call('createSubscription', { body: { plan: 'pro', tenant_id: 'tnt_ghost' } })
  await expect(ghost).rejects.toMatchObject({ code: 'tenant_not_found', message: 'tenant tnt_ghost does not exist' })
})

test('another tenant’s subscription is one that does not exist, for every operation', async () => {
  const { params } = await begin({ plan: 'pro' })
  const stranger = tenantCaller(await bench.database.createTenant())
  const bodies = {
    getSubscription: undefined,
    upgradeSubscription: { plan: 'business' },
    downgradeSubscription: { plan: 'starter' },
    previewSubscriptionChange: { plan: 'business' },
    cancelSubscription: {},
  }
  for (const [id, body] of Object.entries(bodies)) {
    const refused = bench.call(id, body ? { params, body } : { params }, stranger)
    await expect(refused).rejects.toMatchObject({ kind: 'not_found', message: `subscription ${params.id} does not exist` })
  }
  const { data } = await bench.call('listSubscriptions', {}, stranger)
  expect(data).toEqual([])
})

test('a trial is the plan’s for newcomers only; an operator may give any', async () => {
  await bench.call('createPlan', {
    body: {
      code: 'tried',
      name: 'Tried',
      currency: 'USD',
      monthly_price: '20.00',
      included: { compute_hours: '1', api_calls: '1', storage_gb: '1', users: '1' },
      api_calls_per_minute: 1,
      concurrent_agents: 1,
      trial_days: 14,
    },
  })
  const { tenantId, subscription, act } = await begin({ plan: 'tried' })
  expect(subscription).toMatchObject({ status: 'trialing', trial_ends_at: '2026-03-15T00:00:00Z', period: { index: -1 } })
  expect(await types(tenantId)).toEqual(['created'])
  await act('cancelSubscription', { when: 'now' })
  const again = await bench.call('createSubscription', { body: { plan: 'tried' } }, tenantCaller(tenantId))
  expect(again).toMatchObject({ status: 'active', period: { index: 0 } })
  const given = await begin({ plan: 'pro', trial_days: 3 })
  expect(given.subscription).toMatchObject({ status: 'trialing', trial_ends_at: '2026-03-04T00:00:00Z' })
})

test('a subscription may begin in the past, but not before the one before it ended', async () => {
  const { tenantId, act } = await begin({ plan: 'pro', anchor_at: '2026-01-31T00:00:00Z' }, '2026-03-20T00:00:00Z')
  await act('cancelSubscription', { when: 'now' })
  const overlapping = bench.call('createSubscription', {
    body: { tenant_id: tenantId, plan: 'pro', anchor_at: '2026-03-19T00:00:00Z' },
  })
  await expect(overlapping).rejects.toMatchObject({ code: 'anchor_invalid' })
})

test('lists page newest first and filter', async () => {
  const { tenantId, subscription } = await begin({ plan: 'pro' }, '2026-05-01T00:00:00Z')
  const next = await begin({ plan: 'free' }, '2026-05-02T00:00:00Z')
  const first = await bench.call('listSubscriptions', { query: { limit: 1 } })
  expect(first.data).toEqual([next.subscription])
  const second = await bench.call('listSubscriptions', { query: { limit: 1, cursor: String(first.next_cursor) } })
  expect(second.data).toEqual([subscription])
  expect((await bench.call('listSubscriptions', { query: { tenant_id: tenantId, status: 'canceled' } })).data).toEqual([])
})
