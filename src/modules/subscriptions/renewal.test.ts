import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SubscriptionBench, subscriptionBench } from '../../../test/harness/subscriptions.ts'
import { advance, dueSubscriptions, findSubscription, lockSubscription, readPeriodStarted } from './index.ts'
import { phasesWithin } from './store.ts'

let bench: SubscriptionBench
beforeAll(async () => {
  bench = await subscriptionBench('2026-01-31T00:00:00Z')
})
afterAll(() => bench.database.close())

const at = (text: string) => Temporal.Instant.from(text)
const subscribe = async (body: Record<string, unknown>, from = '2026-01-31T00:00:00Z') => {
  bench.clock.set(from)
  const tenantId = await bench.database.createTenant()
  const { id } = await bench.call('createSubscription', { body: { ...body, tenant_id: tenantId } })
  return { tenantId, id: String(id) }
}
/** What a worker does for one subscription: each step in a transaction of its own, until nothing is due. */
const work = async (tenantId: string, id: string, now: string): Promise<number> => {
  const step = await bench.database.db.control.inTenant(tenantId, async (tx) => {
    const locked = await lockSubscription(tx, id)
    return locked && advance(bench.deps)(tx, locked, at(now))
  })
  return step ? 1 + (await work(tenantId, id, now)) : 0
}
const started = async (tenantId: string) =>
  (await bench.events(tenantId))
    .filter(({ type }) => type === 'subscription.period_started')
    .map(({ payload }) => readPeriodStarted(payload))

test('three missed months are three steps, and a fourth look finds nothing', async () => {
  const { tenantId, id } = await subscribe({ plan: 'pro' })
  expect(await work(tenantId, id, '2026-05-15T00:00:00Z')).toBe(3)
  expect(await work(tenantId, id, '2026-05-15T00:00:00Z')).toBe(0)
  const periods = await started(tenantId)
  expect(periods.map(({ newPeriod }) => [newPeriod.index, newPeriod.start.toString().slice(0, 10)])).toEqual([
    [0, '2026-01-31'],
    [1, '2026-02-28'],
    [2, '2026-03-31'],
    [3, '2026-04-30'],
  ])
  expect(periods.map(({ closedPeriod }) => closedPeriod?.index)).toEqual([undefined, 0, 1, 2])
})

test('five workers at once take each step once', async () => {
  const { tenantId, id } = await subscribe({ plan: 'pro' })
  const taken = await Promise.all(Array.from({ length: 5 }, () => work(tenantId, id, '2026-04-30T00:00:00Z')))
  expect(taken.reduce((sum, steps) => sum + steps, 0)).toBe(3)
  expect((await started(tenantId)).map(({ newPeriod }) => newPeriod.index)).toEqual([0, 1, 2, 3])
})

test('a trial ends, a scheduled change comes into force, a cancellation ends it: phases tile from first to last', async () => {
  const { tenantId, id } = await subscribe({ plan: 'pro', trial_days: 14 })
  await work(tenantId, id, '2026-02-14T00:00:00Z')
  await bench.call('downgradeSubscription', { params: { id }, body: { plan: 'starter' } })
  await work(tenantId, id, '2026-03-20T00:00:00Z')
  await bench.call('cancelSubscription', { params: { id }, body: {} })
  await work(tenantId, id, '2026-12-01T00:00:00Z')
  const [subscription, phases] = await bench.asOperator(async (tx) => [
    await findSubscription(tx, id),
    await phasesWithin(tx, id, { start: at('2026-01-01T00:00:00Z'), end: at('2027-01-01T00:00:00Z') }),
  ])
  expect(subscription).toMatchObject({ status: 'canceled', endedAt: at('2026-04-14T00:00:00Z'), cancelAtPeriodEnd: true })
  expect(phases.map(({ reason, monthlyPrice, startsAt, endsAt }) => [reason, monthlyPrice, `${startsAt}`, `${endsAt}`])).toEqual([
    ['created', 9999n, '2026-01-31T00:00:00Z', '2026-02-14T00:00:00Z'],
    ['trial_ended', 9999n, '2026-02-14T00:00:00Z', '2026-03-14T00:00:00Z'],
    ['downgraded', 2999n, '2026-03-14T00:00:00Z', '2026-04-14T00:00:00Z'],
  ])
  expect((await bench.events(tenantId)).at(-1)?.type).toBe('subscription.ended')
})

test('what is due is found across tenants, longest overdue first, and what another worker holds is passed over', async () => {
  const early = await subscribe({ plan: 'pro' }, '2027-01-05T00:00:00Z')
  const late = await subscribe({ plan: 'pro' }, '2027-01-10T00:00:00Z')
  const now = at('2027-02-11T00:00:00Z')
  const mine = (due: { id: string }[]) => due.map(({ id }) => id).filter((id) => [early.id, late.id].includes(id))
  expect(mine(await bench.asOperator((tx) => dueSubscriptions(tx, now, 100)))).toEqual([early.id, late.id])
  expect(mine(await bench.asOperator((tx) => dueSubscriptions(tx, at('2027-02-05T00:00:00Z'), 100)))).toEqual([early.id])
  await bench.asOperator(async (tx) => {
    await lockSubscription(tx, early.id)
    expect(mine(await bench.asOperator((other) => dueSubscriptions(other, now, 100)))).toEqual([late.id])
  })
})

test('a phase never changes but for the end of the last one', async () => {
  const { id } = await subscribe({ plan: 'pro' })
  const tamper = bench.asOperator((tx) =>
    tx.updateTable('subscription_phases').set({ monthly_price: 1n }).where('subscription_id', '=', id).execute(),
  )
  await expect(tamper).rejects.toThrow(/append-only/)
})
