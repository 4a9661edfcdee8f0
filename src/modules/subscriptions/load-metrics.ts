import type { Period } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { notFound } from '../../platform/errors.ts'
import type { PlanVersion } from '../catalog/index.ts'
import type { SubscriptionDeps } from './deps.ts'
import { loadEntitlement } from './load-entitlement.ts'
import { nowOf } from './load-subscription.ts'
import { changePercent, type Forecast, forecast, type MeterState, meterStates, mrrOf, usedOf } from './metrics.ts'
import { periodOf } from './plan-change.ts'
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
    const { subscription, version } = entitlement
    const soFar = { start: subscription.period.start, end: now }
    const begun = isBefore(soFar.start, now)
    const [totals, before] = begun ? await deps.totals(tenantId, [soFar, stretchBefore(subscription, now)]) : []
    const used = usedOf(totals, begun ? await deps.peakMembers(tx, tenantId, soFar) : 0)
    const lastEventAt = await deps.lastEventAt(tenantId)
    return {
      subscription,
      version,
      meters: meterStates(used, entitlement),
      llmCost: totals?.llmCost ?? 0n,
      secondsLeft: secondsBetween(now, subscription.period.end),
      mrr: mrrOf(subscription),
      forecast: forecast(used, totals?.llmCost ?? 0n, entitlement, now),
      lastEventAt,
      daysSinceLastEvent: lastEventAt && Math.max(0, Math.floor(secondsBetween(lastEventAt, now) / SECONDS_PER_DAY)),
      callsChangePercent: changePercent(totals?.apiCalls ?? 0n, before?.apiCalls ?? 0n),
    }
  }
