import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SubscriptionBench, subscriptionBench } from '../../../test/harness/subscriptions.ts'
import { tierAt } from './index.ts'

let bench: SubscriptionBench
beforeAll(async () => {
  bench = await subscriptionBench('2026-03-01T00:00:00Z')
})
afterAll(() => bench.database.close())

const subscribe = async (plan: string) => {
  bench.clock.set('2026-03-01T00:00:00Z')
  const tenantId = await bench.database.createTenant()
  const { id } = await bench.call('createSubscription', { body: { plan, tenant_id: tenantId } })
  const act = (route: string, at: string, body: Record<string, unknown> = {}) => {
    bench.clock.set(at)
    return bench.call(route, { params: { id: String(id) }, body })
  }
  const tierOn = (...days: readonly string[]) =>
    Promise.all(days.map((at) => tierAt(bench.database)(tenantId, Temporal.Instant.from(at))))
  return { act, tierOn }
}

test('a tier is that of the plan of then: before the first one none, from the instant of a change the new one', async () => {
  const { act, tierOn } = await subscribe('pro')
  await act('upgradeSubscription', '2026-03-10T12:00:00Z', { plan: 'business' })
  expect(await tierOn('2026-02-28T23:59:59Z', '2026-03-01T00:00:00Z')).toEqual([undefined, 'PRO'])
  expect(await tierOn('2026-03-10T11:59:59Z', '2026-03-10T12:00:00Z')).toEqual(['PRO', 'BUSINESS'])
})

test('a change that was due counts from its instant, though nobody has taken the step', async () => {
  const { act, tierOn } = await subscribe('pro')
  await act('downgradeSubscription', '2026-03-10T12:00:00Z', { plan: 'starter' })
  expect(await tierOn('2026-03-31T23:59:59Z', '2026-04-01T00:00:00Z')).toEqual(['PRO', 'STARTER'])
})

test('a subscription that has ended, or was to, has no tier from then on', async () => {
  const [over, ending] = [await subscribe('pro'), await subscribe('pro')]
  await over.act('cancelSubscription', '2026-03-10T12:00:00Z', { when: 'now' })
  expect(await over.tierOn('2026-03-10T11:59:59Z', '2026-03-10T12:00:00Z')).toEqual(['PRO', undefined])
  await ending.act('cancelSubscription', '2026-03-10T12:00:00Z')
  expect(await ending.tierOn('2026-03-31T23:59:59Z', '2026-04-01T00:00:00Z')).toEqual(['PRO', undefined])
})
