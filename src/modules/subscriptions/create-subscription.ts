import type { Cycle } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { isSqlState } from '../../platform/db/transaction.ts'
import { type AppError, conflict, notFound, unprocessable } from '../../platform/errors.ts'
import { monthlyPriceOf, sellableVersion } from '../catalog/index.ts'
import { decideCreation } from './creation.ts'
import type { SubscriptionDeps } from './deps.ts'
import { newsEvent, startedEvent } from './events.ts'
import { type Actor, nowOf, requireOperator } from './load-subscription.ts'
import { advancedTo } from './period-advance.ts'
import { renewTo } from './renew-subscription.ts'
import { insertSubscription, lastEndedAt, liveSubscription, lockSubscription, openPhase } from './store.ts'
import { isBefore, type Subscription } from './subscription.ts'

export interface CreateInput {
  readonly actor: Actor
  readonly plan: string
  readonly cycle?: Cycle | undefined
  readonly trialDays?: number | undefined
  readonly anchorAt?: string | undefined
  /** Major units a month. */
  readonly priceOverride?: string | undefined
}

const USABLE: ReadonlySet<string> = new Set(['pending_activation', 'trial', 'active'])

const exists = (tenantId: string, id?: string): AppError =>
  conflict(
    'subscription_exists',
    `tenant ${tenantId} has ${id ? `the subscription ${id}` : 'a subscription'}; upgrade, downgrade or cancel it instead`,
  )

/** One that was to end with a period that is over ends here: the worker may be behind. */
const stillLive = async (
  deps: SubscriptionDeps,
  tx: ControlTx,
  tenantId: string,
  now: Temporal.Instant,
): Promise<Subscription | undefined> => {
  const found = await liveSubscription(tx, tenantId)
  if (!found || !advancedTo(found, now).endedAt) return found
  const locked = await lockSubscription(tx, found.id)
  const renewed = locked && (await renewTo(deps)(tx, locked, now))
  return renewed?.endedAt ? undefined : renewed
}

export const createSubscription =
  (deps: SubscriptionDeps) =>
  async (tx: ControlTx, tenantId: string | undefined, input: CreateInput): Promise<Subscription> => {
    if (tenantId === undefined) throw unprocessable('tenant_required', 'send tenant_id: whose subscription it is')
    const { trialDays, anchorAt, priceOverride } = input
    requireOperator(input.actor, { trial_days: trialDays, anchor_at: anchorAt, price_override: priceOverride })
    const tenant = await deps.findTenant(tx, tenantId)
    if (!tenant) throw notFound('tenant_not_found', `tenant ${tenantId} does not exist`)
    if (!USABLE.has(tenant.status))
      throw conflict('tenant_not_usable', `tenant ${tenantId} is ${tenant.status}; POST /tenants/${tenantId}/activate first`)
    const now = nowOf(deps)
    const live = await stillLive(deps, tx, tenantId, now)
    if (live) throw exists(tenantId, live.id)

    const version = await sellableVersion(tx, input.plan, tenantId)
    const endedAt = await lastEndedAt(tx, tenantId)
    const subscription = decideCreation({
      id: deps.ids.next('sub'),
      tenantId,
      timeZone: tenant.timeZone,
      currency: version.currency,
      offer: {
        planVersionId: version.id,
        cycle: input.cycle ?? 'monthly',
        monthlyPrice:
          priceOverride === undefined ? version.monthlyPrice : monthlyPriceOf('price_override', priceOverride, version.currency),
        priceOverridden: priceOverride !== undefined,
      },
      // A plan's trial is for newcomers: canceling and beginning again does not renew it.
      trialDays: trialDays ?? (endedAt ? 0 : version.trialDays),
      anchorAt: anchorAt === undefined ? undefined : Temporal.Instant.from(anchorAt),
      now,
    })
    // Use of one time is billed by one subscription.
    if (endedAt && isBefore(subscription.anchorAt, endedAt))
      throw unprocessable('anchor_invalid', `the subscription before ended at ${endedAt}; give an anchor_at from then on`)
    await write(deps, tx, subscription)
    return subscription
  }

const write = async ({ ids, outbox }: SubscriptionDeps, tx: ControlTx, subscription: Subscription): Promise<void> => {
  try {
    await insertSubscription(tx, subscription)
  } catch (error) {
    if (isSqlState(error, '23505', 'subscriptions_one_live')) throw exists(subscription.tenantId)
    throw error
  }
  const { anchorAt: at, period, charged: base, planVersionId, cycle, monthlyPrice, priceOverridden } = subscription
  await openPhase(tx, subscription, { phaseId: ids.next('sph'), at, reason: 'created' })
  await outbox.add(tx, newsEvent('created', subscription, at))
  if (subscription.status === 'active') {
    const offer = { planVersionId, cycle, monthlyPrice, priceOverridden }
    await outbox.add(tx, startedEvent(subscription, { ...period, base, ...offer }, undefined))
  }
}
