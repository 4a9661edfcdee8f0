import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SubscriptionBench, subscriptionBench } from '../../../test/harness/subscriptions.ts'
import type { Database } from '../../platform/db/database.ts'
import { limitsOf } from './index.ts'

let bench: SubscriptionBench
let ms = 0
beforeAll(async () => {
  bench = await subscriptionBench('2026-03-01T00:00:00Z')
})
afterAll(() => bench.database.close())

const ONE = 10n ** 12n
const subscribe = async (plan: string, body: Record<string, unknown> = {}): Promise<{ tenantId: string; id: string }> => {
  bench.clock.set('2026-03-01T00:00:00Z')
  const tenantId = await bench.database.createTenant()
  const { id } = await bench.call('createSubscription', { body: { ...body, plan, tenant_id: tenantId } })
  return { tenantId, id: String(id) }
}
const cache = (capacity?: number) => {
  let asked = 0
  const db: Pick<Database, 'lookup'> = {
    lookup: (work) => {
      asked += 1
      return bench.database.db.lookup(work)
    },
  }
  return { limits: limitsOf(db, bench.clock, { monotonicMs: () => ms, ...(capacity && { capacity }) }), asked: () => asked }
}

test('only a plan with a hard stop has limits: those of the period that runs', async () => {
  const { limits } = cache()
  expect(await limits((await subscribe('pro')).tenantId)).toBeUndefined()
  expect(await limits(await bench.database.createTenant())).toBeUndefined()
  expect(await limits((await subscribe('free')).tenantId)).toEqual({
    periodStart: Temporal.Instant.from('2026-03-01T00:00:00Z'),
    since: Temporal.Instant.from('2026-03-01T00:00:00Z'),
    periodEnd: Temporal.Instant.from('2026-04-01T00:00:00Z'),
    included: { compute_hours: 10n * ONE, api_calls: 1000n * ONE, storage_gb: ONE, users: ONE },
  })
})

test('a year includes twelve months; a trial, one', async () => {
  const { limits } = cache()
  const year = await subscribe('free', { cycle: 'annual' })
  expect((await limits(year.tenantId))?.included.api_calls).toBe(12_000n * ONE)
  const trial = await subscribe('free', { cycle: 'annual', trial_days: 7 })
  expect(await limits(trial.tenantId)).toMatchObject({
    included: { api_calls: 1000n * ONE },
    periodEnd: Temporal.Instant.from('2026-03-08T00:00:00Z'),
  })
})

test('a period half of which was on a plan without a stop includes half of each', async () => {
  const { tenantId, id } = await subscribe('starter')
  bench.clock.set('2026-03-16T12:00:00Z')
  await bench.call('downgradeSubscription', { params: { id }, body: { plan: 'free', when: 'now' } })
  expect((await cache().limits(tenantId))?.included.api_calls).toBe(5_500n * ONE)
})

test('all who ask at once share one query; an answer is a second old at most', async () => {
  const { tenantId, id } = await subscribe('free')
  const { limits, asked } = cache()
  await Promise.all(Array.from({ length: 50 }, () => limits(tenantId)))
  expect(asked()).toBe(1)
  await bench.call('upgradeSubscription', { params: { id }, body: { plan: 'pro' } })
  ms += 999
  expect(await limits(tenantId)).toBeDefined()
  ms += 1
  expect(await limits(tenantId)).toBeUndefined()
  expect(asked()).toBe(2)
})

test('a period that is over is never answered, though the answer is fresh and no worker has been here', async () => {
  const { tenantId } = await subscribe('free')
  const { limits } = cache()
  await limits(tenantId)
  bench.clock.set('2026-04-01T00:00:00Z')
  expect((await limits(tenantId))?.periodStart).toEqual(Temporal.Instant.from('2026-04-01T00:00:00Z'))
})

test('it holds no more tenants than it may', async () => {
  const tenants = [await subscribe('free'), await subscribe('free'), await subscribe('free')].map(({ tenantId }) => tenantId)
  const { limits, asked } = cache(2)
  for (const tenant of [...tenants, ...tenants.slice(1)]) await limits(tenant)
  expect(asked()).toBe(3)
  await limits(tenants[0] ?? '')
  expect(asked()).toBe(4)
})

test('a failure is told and not remembered', async () => {
  const { tenantId } = await subscribe('free')
  let fail = true
  const { lookup } = bench.database.db
  const limits = limitsOf({ lookup: (work) => (fail ? Promise.reject(new Error('away')) : lookup(work)) }, bench.clock)
  await expect(limits(tenantId)).rejects.toThrow('away')
  fail = false
  expect(await limits(tenantId)).toBeDefined()
})
