import type { ControlTx } from '../../platform/db/database.ts'
import { findPlanVersions, type PlanVersion } from '../catalog/index.ts'
import { cancelSubscription } from './cancel-subscription.ts'
import { changeSubscription, previewChange } from './change-subscription.ts'
import { createSubscription } from './create-subscription.ts'
import type { SubscriptionDeps } from './deps.ts'
import { loadMetrics } from './load-metrics.ts'
import { loadSubscription } from './load-subscription.ts'
import { listSubscriptions, type SubscriptionFilter } from './store.ts'
import type { Subscription } from './subscription.ts'

export type SubscriptionService = ReturnType<typeof subscriptionService>

/** The plans of subscriptions, scheduled ones included, by the id of their version. */
const plansOf = (tx: ControlTx, subscriptions: readonly Subscription[]): Promise<ReadonlyMap<string, PlanVersion>> => {
  const ids = subscriptions.flatMap(({ planVersionId, scheduled }) =>
    scheduled ? [planVersionId, scheduled.planVersionId] : [planVersionId],
  )
  return findPlanVersions(tx, [...new Set(ids)])
}

export const subscriptionService = (deps: SubscriptionDeps) => ({
  create: createSubscription(deps),
  get: loadSubscription,
  list: (tx: ControlTx, filter: SubscriptionFilter): Promise<Subscription[]> => listSubscriptions(tx, filter),
  change: changeSubscription(deps),
  preview: previewChange(deps),
  cancel: cancelSubscription(deps),
  metrics: loadMetrics(deps),
  plansOf,
})
