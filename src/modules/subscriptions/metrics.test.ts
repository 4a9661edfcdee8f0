import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { begin, instant, offerAt, versionWith } from '../../../test/factories/subscription.ts'
import { type SubscriptionBench, subscriptionBench, tenantCaller } from '../../../test/harness/subscriptions.ts'
import { parseDecimal } from '../../lib/decimal.ts'
import { type PlanVersion, perMeter } from '../catalog/index.ts'
import { changePercent, forecast, meterStates, mrrOf, type Running } from './metrics.ts'

const subscription = begin({ at: '2026-04-01', offer: offerAt(2999n) })
const version = versionWith('starter', '100', '0.50')
const used = (hours: string) => ({ ...perMeter(() => 0n), compute_hours: parseDecimal(hours) })
/** April up to `now`, on one plan. */
const running = (use: ReturnType<typeof used>, of: { version?: PlanVersion; llmCost?: bigint; state?: object } = {}): Running => {
  const plan = of.version ?? version
  const period = subscription.period
  const slice = { ...period, month: period, version: plan }
  const whole = { used: use, llmCost: of.llmCost ?? 0n }
  return {
    subscription: { ...subscription, ...of.state },
    included: plan.included,
    use: whole,
    slices: [{ ...whole, slice }],
    allSlices: [slice],
  }
}

test.each([
  ['0', '100', '0.00', '0', 0n],
  ['99.5', '0.5', '99.50', '0', 0n],
  ['100', '0', '100.00', '0', 0n],
  ['112.3456', '0', '112.35', '12.3456', 617n], // 12.3456 × 0.50 = 6.1728
])('%s of 100 hours leave %s, are %s per cent, and cost beyond %s', (hours, remaining, percent, overage, overageAmount) => {
  const [state] = meterStates(running(used(hours)))
  expect(state).toMatchObject({ remaining: parseDecimal(remaining), percent, overage: parseDecimal(overage), overageAmount })
})

test('nothing included has no per cent, and a hard stop no price', () => {
  expect(meterStates(running(used('5'), { version: versionWith('none', '0') }))[0]).toMatchObject({
    percent: null,
    overageAmount: 0n,
  })
})

test('recurring revenue is the price a month whatever the cycle, none in a trial or after the end', () => {
  expect(mrrOf(begin({ at: '2026-04-01', offer: offerAt(2999n, 'annual') }))).toBe(2999n)
  expect(mrrOf(begin({ at: '2026-04-01', offer: offerAt(2999n), trialDays: 7 }))).toBe(0n)
  expect(mrrOf({ ...subscription, status: 'canceled' })).toBe(0n)
})

test('the forecast is a straight line: 60 hours in 10 of 30 days are 180, 80 beyond', () => {
  expect(forecast(running(used('60')), instant('2026-04-11'))).toEqual({ base: 2999n, overage: 4000n, passThrough: 0n })
})

test('the forecast passes LLM cost through where the plan does, with its markup, and keeps levels as they are', () => {
  const passing = { ...version, llmPassThrough: true, llmMarkupPercent: '20' }
  const levels = { ...used('0'), storage_gb: parseDecimal('100'), users: parseDecimal('100') }
  const seen = forecast(running(levels, { version: passing, llmCost: parseDecimal('10') }), instant('2026-04-11'))
  expect(seen).toEqual({ base: 2999n, overage: 0n, passThrough: 3600n })
})

test('no base where it ends, that of the scheduled plan where it changes, nothing before time has passed', () => {
  const now = instant('2026-04-11')
  const of = (state: object) => forecast(running(used('0'), { state }), now)?.base
  expect(of({ cancelAtPeriodEnd: true })).toBe(0n)
  expect(of({ scheduled: offerAt(9999n, 'annual') })).toBe(119_988n)
  expect(forecast(running(used('0')), subscription.period.start)).toBeUndefined()
})

test('use is compared with the same stretch before, and with nothing not at all', () => {
  expect([changePercent(150n, 100n), changePercent(50n, 100n), changePercent(5n, 0n)]).toEqual(['50.00', '-50.00', null])
})

let bench: SubscriptionBench
beforeAll(async () => {
  bench = await subscriptionBench('2026-04-01T00:00:00Z')
})
afterAll(() => bench.database.close())
beforeEach(() => {
  bench.clock.set('2026-04-01T00:00:00Z')
  bench.usage({})
})

test('a tenant sees use, days left, revenue, the next invoice and plain facts', async () => {
  const tenantId = await bench.database.createTenant()
  const { id } = await bench.call('createSubscription', { body: { plan: 'starter' } }, tenantCaller(tenantId))
  bench.clock.set('2026-04-11T00:00:00Z')
  bench.usage({
    totals: ({ start }) => ({ apiCalls: parseDecimal(start.toString() === '2026-04-01T00:00:00Z' ? '15000' : '10000') }),
    lastEventAt: Temporal.Instant.from('2026-04-08T12:00:00Z'),
  })
  const metrics = await bench.call('getSubscriptionMetrics', { params: { tenant_id: tenantId } }, tenantCaller(tenantId))
  expect(metrics).toMatchObject({
    subscription_id: id,
    plan: 'starter',
    days_left: '20.00',
    mrr: '29.99',
    next_invoice: { projection: 'linear', base: '29.99', overage: '3.50', pass_through: '0.00', total: '33.49' },
    churn_indicators: {
      last_event_at: '2026-04-08T12:00:00Z',
      days_since_last_event: 2,
      api_calls_change_percent: '50.00',
      cancel_at_period_end: false,
    },
  })
  expect(metrics.meters).toContainEqual({
    meter: 'api_calls',
    used: '15000',
    included: '10000',
    remaining: '0',
    percent: '150.00',
    overage: '5000',
    overage_amount: '0.50',
  })
})

test('in its first instant there is nothing to project and nothing is asked of metering', async () => {
  const tenantId = await bench.database.createTenant()
  await bench.call('createSubscription', { body: { plan: 'starter' } }, tenantCaller(tenantId))
  bench.usage({
    totals: () => {
      throw new Error('an empty period has no use')
    },
  })
  const metrics = await bench.call('getSubscriptionMetrics', { params: { tenant_id: tenantId } })
  expect(metrics).toMatchObject({ next_invoice: null, days_left: '30.00', churn_indicators: { last_event_at: null } })
})

test('a trial past its allowance owes nothing', async () => {
  const tenantId = await bench.database.createTenant()
  await bench.call('createSubscription', { body: { plan: 'starter', trial_days: 14, tenant_id: tenantId } })
  bench.clock.set('2026-04-08T00:00:00Z')
  bench.usage({ totals: () => ({ apiCalls: parseDecimal('90000') }) })
  const metrics = await bench.call('getSubscriptionMetrics', { params: { tenant_id: tenantId } })
  expect(metrics).toMatchObject({ mrr: '0.00', next_invoice: { base: '29.99', overage: '0.00' } })
  expect(JSON.stringify(metrics.meters)).toContain('"overage":"80000","overage_amount":"0.00"')
})

test('no subscription, no metrics; an unknown tenant is told as such', async () => {
  const tenantId = await bench.database.createTenant()
  const none = bench.call('getSubscriptionMetrics', { params: { tenant_id: tenantId } })
  await expect(none).rejects.toMatchObject({ code: 'subscription_not_found' })
  const ghost = bench.call('getSubscriptionMetrics', { params: { tenant_id: 'tnt_ghost' } })
  await expect(ghost).rejects.toMatchObject({ code: 'tenant_not_found', message: 'tenant tnt_ghost does not exist' })
})
