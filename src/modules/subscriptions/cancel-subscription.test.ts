import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventTypes, subscribe } from '../../../test/harness/subscribe.ts'
import { OPERATOR, type SubscriptionBench, subscriptionBench, tenantCaller } from '../../../test/harness/subscriptions.ts'
import { readEnded } from './index.ts'

let bench: SubscriptionBench
beforeAll(async () => {
  bench = await subscriptionBench('2026-03-01T00:00:00Z')
})
afterAll(() => bench.database.close())

const begin = (body: Record<string, unknown>, at?: string) => subscribe(bench, body, at)
const types = (tenantId: string) => eventTypes(bench, tenantId)

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
