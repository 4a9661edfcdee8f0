import { Client } from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { changedLimit } from '../../../test/factories/changed-limit.ts'
import { type TestApp, type TestTenant, testApp } from '../../../test/harness/app.ts'
import type { Caller } from '../../platform/auth/caller.ts'
import { settableClock } from '../../platform/clock.ts'
import { checkService } from './check.ts'
import type { CountAnswer, DecideOptions, Limiter } from './counting.ts'
import type { Policy } from './limiter/policy.ts'

let t: TestApp
let acme: TestTenant
beforeAll(async () => {
  t = await testApp({ deadlineMs: 200 })
  acme = await t.tenant()
})
afterAll(() => t.close())

const policy: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 60_000 }
const operator: Caller = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) }
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('known limits and tiers answer while the database does not', async () => {
  const body = { name: 'calls', scopes: ['PER_TENANT'], policy: { algorithm: 'FIXED_WINDOW', limit: 10, window_ms: 60_000 } }
  const overrides = [{ match: { tier: 'PRO' }, policy: { algorithm: 'FIXED_WINDOW', limit: 20, window_ms: 60_000 } }]
  const made = await t.call('POST', '/rate-limits', { key: t.operatorKey, body: { ...body, overrides } })
  const service = t.app.services.rateChecks
  const check = () => service.one(operator, String(made.body.id), { subject: { tenantId: acme.id } })
  expect(await check()).toMatchObject({ allowed: true, limits: [{ remaining: 9 }] })
  const holder = new Client({ connectionString: t.database.ownerUrl })
  await holder.connect()
  onTestFinished(() => holder.end())
  await holder.query('begin; lock table rate_limit_versions, subscriptions in access exclusive mode')
  await pause(1_100)
  // With the lock held they could not be answered by a look.
  expect(await check()).toMatchObject({ allowed: true, limits: [{ remaining: 8 }] })
  await holder.query('rollback')
})

/** A service over counts that take their time, and what they were told of it. */
const stand = (
  limits: readonly ReturnType<typeof changedLimit>[],
  counts: { readonly takeMs: number; readonly lookMs?: number },
) => {
  const told: DecideOptions[] = []
  const limiter: Limiter = {
    async decide(asks, options) {
      told.push(options)
      await pause(counts.takeMs)
      return asks.map((): CountAnswer => ({ fits: true, remaining: 1, resetMs: 0, retryAfterMs: 0, delayMs: 0, degraded: false }))
    },
    reset: async () => {},
  }
  const known = new Map(limits.map((limit) => [limit.id, limit]))
  const current = async () => {
    if (counts.lookMs) await pause(counts.lookMs)
    return known
  }
  const service = checkService({
    clock: settableClock('2026-03-01T00:00:00Z'),
    priceUse: async () => 0n,
    limits: { current, find: async (id) => (await current()).get(id), findArchived: async () => undefined },
    limiter,
    tiers: { of: () => undefined },
    deadlineMs: 50,
    explainPast: async () => ({ tier: null, limits: [] }),
    violated: () => {},
    load: { asked: () => {}, ended: () => {} },
    random: () => 0,
  })
  return { told, check: () => service.many(operator, { subject: { tenantId: 'tnt_1' } }) }
}

test('limits in shadow mode have what the others left of one deadline', async () => {
  const { told, check } = stand([changedLimit('rl_a', [{ policy }]), changedLimit('rl_b', [{ policy, mode: 'shadow' }])], {
    takeMs: 20,
  })
  await check()
  expect(told).toHaveLength(2)
  expect(told[1]?.withinMs).toBeLessThanOrEqual(31)
})

test('what was waited for the limits themselves is of the same deadline; there is always a little left', async () => {
  const { told, check } = stand([changedLimit('rl_a', [{ policy }])], { takeMs: 0, lookMs: 20 })
  await check()
  expect(told[0]?.withinMs).toBeLessThanOrEqual(31)
  const late = stand([changedLimit('rl_a', [{ policy }])], { takeMs: 0, lookMs: 100 })
  await late.check()
  expect(late.told[0]?.withinMs).toBe(1)
})
