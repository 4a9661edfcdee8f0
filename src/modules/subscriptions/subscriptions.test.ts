import { afterAll, beforeAll, expect, test } from 'vitest'
import { OPERATOR, type SubscriptionBench, subscriptionBench, tenantCaller } from '../../../test/harness/subscriptions.ts'
import { parseAmount } from '../../lib/money.ts'
import { withOwner } from '../../platform/db/migrate.ts'
import { readChanged, readEnded, readPeriodStarted } from './index.ts'

let bench: SubscriptionBench
beforeAll(async () => {
  bench = await subscriptionBench('2026-03-01T00:00:00Z')
})
afterAll(() => bench.database.close())

const begin = async (body: Record<string, unknown>, at = '2026-03-01T00:00:00Z', timeZone = 'UTC') => {
  bench.clock.set(at)
  const tenantId = await bench.database.createTenant(undefined, { timeZone })
  const subscription = await bench.call('createSubscription', { body: { ...body, tenant_id: tenantId } })
  const params = { id: String(subscription.id) }
  const act = (id: string, request: Record<string, unknown> = {}, caller = tenantCaller(tenantId)) =>
    bench.call(id, { params, body: request }, caller)
  return { tenantId, subscription, params, act }
}
const types = async (tenantId: string) => (await bench.events(tenantId)).map(({ type }) => type.replace('subscription.', ''))
const phases = (id: string) =>
  bench.asOperator((tx) =>
    tx
      .selectFrom('subscription_phases')
      .select(['reason', 'monthly_price', 'starts_at', 'ends_at'])
      .where('subscription_id', '=', id)
      .orderBy('starts_at')
      .orderBy('id')
      .execute(),
  )

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

test('canceled at the end of the period it goes on until then; asked twice it is announced once', async () => {
  const { tenantId, act } = await begin({ plan: 'pro' })
  const canceled = await act('cancelSubscription', { reason: 'too dear' })
  expect(canceled).toMatchObject({ status: 'active', cancel_at_period_end: true, cancel_reason: 'too dear', ended_at: null })
  expect(await act('cancelSubscription')).toEqual(canceled)
  expect(await types(tenantId)).toEqual(['created', 'period_started', 'canceled'])
  await expect(act('downgradeSubscription', { plan: 'starter' })).rejects.toMatchObject({ code: 'subscription_ending' })
  expect(await act('previewSubscriptionChange', { plan: 'business' })).toMatchObject({ next_period: null })
})

test('one that ended with its period makes way for another, though no worker has been there', async () => {
  const { tenantId, subscription, act } = await begin({ plan: 'pro' })
  await act('cancelSubscription')
  const again = () => bench.call('createSubscription', { body: { plan: 'starter' } }, tenantCaller(tenantId))
  bench.clock.set('2026-03-31T23:59:59Z')
  await expect(again()).rejects.toMatchObject({ code: 'subscription_exists' })
  bench.clock.set('2026-04-01T00:00:30Z')
  expect(await again()).toMatchObject({ status: 'active', period: { start: '2026-04-01T00:00:30Z' } })
  expect((await types(tenantId)).slice(-3)).toEqual(['ended', 'created', 'period_started'])
  const old = await bench.call('getSubscription', { params: { id: String(subscription.id) } })
  expect(old).toMatchObject({ status: 'canceled', ended_at: '2026-04-01T00:00:00Z' })
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

test('canceled now it is over: nothing back for the tenant, the unused part when the operator says so', async () => {
  const first = await begin({ plan: 'pro' })
  bench.clock.set('2026-03-16T12:00:00Z')
  await expect(first.act('cancelSubscription', { when: 'now', prorate: true })).rejects.toMatchObject({ code: 'operator_only' })
  expect(await first.act('cancelSubscription', { when: 'now' })).toMatchObject({
    status: 'canceled',
    ended_at: '2026-03-16T12:00:00Z',
  })
  const end = readEnded((await bench.events(first.tenantId)).at(-1)?.payload)
  expect(end).toMatchObject({
    credit: 0n,
    closedPeriod: { index: 0, paid: { end: Temporal.Instant.from('2026-04-01T00:00:00Z') } },
  })
  for (const id of ['cancelSubscription', 'upgradeSubscription'])
    await expect(first.act(id, id === 'cancelSubscription' ? {} : { plan: 'business' })).rejects.toMatchObject({
      code: 'subscription_ended',
    })

  const second = await begin({ plan: 'pro' })
  bench.clock.set('2026-03-16T12:00:00Z')
  await second.act('cancelSubscription', { when: 'now', prorate: true }, OPERATOR)
  expect(readEnded((await bench.events(second.tenantId)).at(-1)?.payload).credit).toBe(4999n)
})

test('ten upgrades at once bill one change', async () => {
  const { tenantId, act } = await begin({ plan: 'pro' })
  bench.clock.set('2026-03-10T00:00:00Z')
  const asked = await Promise.allSettled(Array.from({ length: 10 }, () => act('upgradeSubscription', { plan: 'business' })))
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect((await types(tenantId)).filter((type) => type === 'changed')).toHaveLength(1)
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
