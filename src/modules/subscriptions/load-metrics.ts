import type { Decimal12 } from '../../lib/decimal.ts'
import type { Period } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { notFound } from '../../platform/errors.ts'
import { findPlanVersion, findPlanVersions, type PerMeter, type PlanVersion } from '../catalog/index.ts'
import { allowanceOf } from './allowance.ts'
import type { SubscriptionDeps, UsageTotals } from './deps.ts'
import { nowOf } from './load-subscription.ts'
import { changePercent, type MeterState, meterStates, mrrOf, projectLinearly } from './metrics.ts'
import { advancedTo } from './period-advance.ts'
import { periodOf } from './plan-change.ts'
import { periodPrice } from './proration.ts'
import { liveSubscription, phasesWithin } from './store.ts'
import { isBefore, type Subscription } from './subscription.ts'

export interface SubscriptionMetrics {
  readonly subscription: Subscription
  readonly version: PlanVersion
  readonly meters: readonly MeterState[]
  readonly llmCost: bigint
  readonly events: bigint
  readonly secondsLeft: number
  readonly mrr: bigint
  /** The invoice at the period's end, before tax, if use goes on in a straight line: base of the next period and overage of this. */
  readonly projectedNext: { readonly base: bigint; readonly overage: bigint } | undefined
  readonly lastEventAt: Temporal.Instant | undefined
  /** Calls of this period against the same stretch of the one before. */
  readonly callsChangePercent: string | null
}

const perMeterOf = (totals: UsageTotals | undefined, users: number): PerMeter<Decimal12> => ({
  compute_hours: totals?.computeHours ?? 0n,
  api_calls: totals?.apiCalls ?? 0n,
  storage_gb: totals?.storageGb ?? 0n,
  users: BigInt(users) * 10n ** 12n,
})

const sumOverage = (states: readonly MeterState[]): bigint => states.reduce((sum, { overageAmount }) => sum + overageAmount, 0n)

const upTo = ({ start, end }: Period, now: Temporal.Instant): Period => ({ start, end: isBefore(now, end) ? now : end })

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
    const stored = await liveSubscription(tx, tenantId)
    const subscription = stored && advancedTo(stored, now)
    if (!subscription || subscription.endedAt)
      throw notFound('subscription_not_found', `tenant ${tenantId} has no subscription; POST /subscriptions begins one`)
    const { period } = subscription
    const phases =
      stored.period.index === period.index && subscription.status === 'active'
        ? await phasesWithin(tx, subscription.id, period)
        : [{ ...subscription, startsAt: period.start, endsAt: null }]
    const versions = await findPlanVersions(tx, [
      ...new Set([subscription.planVersionId, ...phases.map(({ planVersionId }) => planVersionId)]),
    ])
    const version = versions.get(subscription.planVersionId) ?? (await findPlanVersion(tx, subscription.planVersionId))
    if (!version) throw new Error(`plan version ${subscription.planVersionId} is gone`)
    const included = subscription.status === 'trialing' ? version.included : allowanceOf(phases, versions, period)
    const soFar = upTo(period, now)
    const users = await deps.peakMembers(tx, tenantId, soFar)
    const [totals, before] = await deps.totals(tenantId, [soFar, stretchBefore(subscription, now)])
    const used = perMeterOf(totals, users)
    const projected = projectLinearly(used, subscription, now)
    const meters = meterStates(used, included, version)
    return {
      subscription,
      version,
      meters,
      llmCost: totals?.llmCost ?? 0n,
      events: totals?.events ?? 0n,
      secondsLeft: Number((period.end.epochNanoseconds - now.epochNanoseconds) / 1_000_000_000n),
      mrr: mrrOf(subscription),
      projectedNext: projected && {
        base: subscription.cancelAtPeriodEnd ? 0n : periodPrice(subscription.scheduled ?? subscription),
        overage: subscription.status === 'trialing' ? 0n : sumOverage(meterStates(projected, included, version)),
      },
      lastEventAt: await deps.lastEventAt(tenantId),
      callsChangePercent: changePercent(totals?.apiCalls ?? 0n, before?.apiCalls ?? 0n),
    }
  }
