import type { ControlTx } from '../../platform/db/database.ts'
import { cancelSubscription } from './cancel-subscription.ts'
import { changeSubscription, previewChange } from './change-subscription.ts'
import { createSubscription } from './create-subscription.ts'
import type { SubscriptionDeps } from './deps.ts'
import { loadMetrics } from './load-metrics.ts'
import { loadSubscription } from './load-subscription.ts'
import { listSubscriptions, type SubscriptionFilter } from './store.ts'

export type SubscriptionService = ReturnType<typeof subscriptionService>

export const subscriptionService = (deps: SubscriptionDeps) => ({
  create: createSubscription(deps),
  get: loadSubscription,
  list: (tx: ControlTx, filter: SubscriptionFilter) => listSubscriptions(tx, filter),
  change: changeSubscription(deps),
  preview: previewChange(deps),
  cancel: cancelSubscription(deps),
  metrics: loadMetrics(deps),
})
