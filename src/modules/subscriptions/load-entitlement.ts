import { type Decimal12, formatDecimal } from '../../lib/decimal.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import { notFound } from '../../platform/errors.ts'
import {
  findCurrentVersion,
  findPlanVersion,
  findPlanVersions,
  type PerMeter,
  type PlanVersion,
  type Tier,
} from '../catalog/index.ts'
import { findTenant } from '../tenants/index.ts'
import { allowanceOf } from './allowance.ts'
import { advancedTo } from './period-advance.ts'
import type { Span } from './slices.ts'
import { liveSubscription, phasesWithin } from './store.ts'
import type { Subscription } from './subscription.ts'

/** What a tenant may use in the period that runs. */
export interface Entitlement {
  /** As it is now, whether or not the worker has been here. */
  readonly subscription: Subscription
  readonly version: PlanVersion
  readonly included: PerMeter<Decimal12>
  /** What the subscription is and was in this period. */
  readonly phases: readonly Span[]
  readonly versions: ReadonlyMap<string, PlanVersion>
}

/** The phases of the period that runs. Nobody may have taken the step into it yet: it then consists of the present offer alone. */
export const phasesNow = async (tx: ControlTx, stored: Subscription, now: Subscription): Promise<readonly Span[]> =>
  stored.period.index === now.period.index
    ? phasesWithin(tx, now.id, now.period)
    : [{ ...now, startsAt: now.period.start, endsAt: null }]

/** undefined: the tenant has no subscription that is live. */
export const loadEntitlement = async (
  tx: ControlTx,
  tenantId: string,
  now: Temporal.Instant,
): Promise<Entitlement | undefined> => {
  const stored = await liveSubscription(tx, tenantId)
  const subscription = stored && advancedTo(stored, now)
  if (!subscription || subscription.endedAt) return undefined
  const { period, status, planVersionId } = subscription
  const phases = await phasesNow(tx, stored, subscription)
  const versions = await findPlanVersions(tx, [...new Set([planVersionId, ...phases.map((phase) => phase.planVersionId)])])
  const version = versions.get(planVersionId)
  if (!version) throw new Error(`the plan version ${planVersionId} of ${subscription.id} is not visible`)
  // A trial includes what a month does, whatever its length and the cycle after it.
  const included = status === 'trialing' ? version.included : allowanceOf(phases, versions, period)
  return { subscription, version, included, phases, versions }
}

/** How many users a plan with a hard stop includes; undefined: nothing stops the tenant from having more. */
export const seatsOf =
  ({ clock }: { readonly clock: Clock }) =>
  async (tx: ControlTx, tenantId: string): Promise<number | undefined> => {
    const { version } = (await loadEntitlement(tx, tenantId, clock.now())) ?? {}
    return version?.hardStop ? Math.floor(Number(formatDecimal(version.included.users))) : undefined
  }

/** The tier of the plan that a tenant is on; undefined: it has no live subscription. */
export const tierOf =
  ({ db, clock }: { readonly db: Pick<Database, 'lookup'>; readonly clock: Clock }) =>
  (tenantId: string): Promise<Tier | undefined> =>
    db.lookup(async (tx) => (await loadEntitlement(tx, tenantId, clock.now()))?.version.tier)

/** Whoever has no live subscription has what the smallest tier has. */
const SMALLEST = 'free'

/** Throws 404 `tenant_not_found`. */
const versionOf = async (tx: ControlTx, tenantId: string, now: Temporal.Instant): Promise<PlanVersion> => {
  const stored = await liveSubscription(tx, tenantId)
  const subscription = stored && advancedTo(stored, now)
  const version =
    subscription && !subscription.endedAt
      ? await findPlanVersion(tx, subscription.planVersionId)
      : await findCurrentVersion(tx, SMALLEST)
  if (!stored && !(await findTenant(tx, tenantId))) throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
  if (!version) throw new Error(`tenant ${tenantId} has no plan, and there is no plan ${SMALLEST}`)
  return version
}

/** The API calls a minute of the plan that a tenant is on. */
export const callsPerMinuteOf =
  ({ db, clock }: { readonly db: Pick<Database, 'lookup'>; readonly clock: Clock }) =>
  (tenantId: string): Promise<number> =>
    db.lookup(async (tx) => (await versionOf(tx, tenantId, clock.now())).apiCallsPerMinute)

/** The agents that may run at once by the plan that a tenant is on. */
export const concurrentAgentsOf =
  ({ db, clock }: { readonly db: Pick<Database, 'lookup'>; readonly clock: Clock }) =>
  (tenantId: string): Promise<number> =>
    db.lookup(async (tx) => (await versionOf(tx, tenantId, clock.now())).concurrentAgents)
