import { CYCLE_MONTHS, type Period } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { notFound } from '../../platform/errors.ts'
import type { PlanVersion } from '../catalog/index.ts'
import type { SubscriptionDeps } from './deps.ts'
import { loadEntitlement } from './load-entitlement.ts'
import { nowOf } from './load-subscription.ts'
import { loadUse } from './load-use.ts'
import { changePercent, type Forecast, forecast, type MeterState, meterStates, mrrOf, NO_USE } from './metrics.ts'
import { periodOf } from './plan-change.ts'
import { slicesOf } from './slices.ts'
import { isBefore, type Subscription } from './subscription.ts'

export interface SubscriptionMetrics {
  readonly subscription: Subscription
  readonly version: PlanVersion
  readonly meters: readonly MeterState[]
  /** US dollars × 10¹². */
  readonly llmCost: bigint
  readonly secondsLeft: number
  readonly mrr: bigint
  readonly forecast: Forecast | undefined
  readonly lastEventAt: Temporal.Instant | undefined
  readonly daysSinceLastEvent: number | undefined
  /** Calls of this period against the same stretch of the one before. */
  readonly callsChangePercent: string | null
}

const NANOSECONDS_PER_SECOND = 1_000_000_000n
const SECONDS_PER_DAY = 86_400

const secondsBetween = (from: Temporal.Instant, to: Temporal.Instant): number =>
  Number((to.epochNanoseconds - from.epochNanoseconds) / NANOSECONDS_PER_SECOND)

/** The stretch of the period before that is as long as what has elapsed of this one. */
const stretchBefore = (subscription: Subscription, now: Temporal.Instant): Period => {
  const { period } = subscription
  const elapsed = now.epochNanoseconds - period.start.epochNanoseconds
  const { start } = periodOf(subscription, period.index - 1)
  const end = Temporal.Instant.fromEpochNanoseconds(start.epochNanoseconds + elapsed)
  return { start, end: isBefore(period.start, end) ? period.start : end }
}

/** Usage against limits, and what it comes to. Throws 404 `subscription_not_found` where the tenant has none that is live. */
export const loadMetrics =
  (deps: SubscriptionDeps) =>
  async (tx: ControlTx, tenantId: string): Promise<SubscriptionMetrics> => {
    const now = nowOf(deps)
    if (!(await deps.findTenant(tx, tenantId))) throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
    const entitlement = await loadEntitlement(tx, tenantId, now)
    if (!entitlement)
      throw notFound('subscription_not_found', `tenant ${tenantId} has no subscription; POST /subscriptions begins one`)
    const { subscription, version, included, phases, versions } = entitlement
    const { period, status, cycle, timeZone } = subscription
    const planned = { whole: period, months: status === 'trialing' ? 1 : CYCLE_MONTHS[cycle], timeZone }
    const soFar = { start: period.start, end: now }
    const slices = slicesOf(phases, versions, soFar, planned)
    const wanted = isBefore(period.start, now)
      ? [
          { period: soFar, slices },
          { period: stretchBefore(subscription, now), slices: [] },
        ]
      : []
    const [ran, before] = await loadUse(deps)(tx, tenantId, wanted)
    const use = ran ? { used: ran.used, llmCost: ran.totals.llmCost } : NO_USE
    const allSlices = slicesOf(phases, versions, period, planned)
    const running = { subscription, included, use, slices: ran?.slices ?? [], allSlices }
    const lastEventAt = await deps.lastEventAt(tenantId)
    return {
      subscription,
      version,
      meters: meterStates(running),
      llmCost: use.llmCost,
      secondsLeft: secondsBetween(now, period.end),
      mrr: mrrOf(subscription),
      forecast: forecast(running, now),
      lastEventAt,
      daysSinceLastEvent: lastEventAt && Math.max(0, Math.floor(secondsBetween(lastEventAt, now) / SECONDS_PER_DAY)),
      callsChangePercent: changePercent(use.used.api_calls, before?.used.api_calls ?? 0n),
    }
  }
