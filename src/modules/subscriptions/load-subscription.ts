import type { ControlTx } from '../../platform/db/database.ts'
import { conflict, forbidden, notFound } from '../../platform/errors.ts'
import { toMicroseconds } from './creation.ts'
import type { SubscriptionDeps } from './deps.ts'
import { advancedTo } from './period-advance.ts'
import { renewTo } from './renew-subscription.ts'
import { findSubscription, lockSubscription } from './store.ts'
import type { Subscription } from './subscription.ts'

export type Actor = 'operator' | 'tenant'

/** Throws 403 `operator_only` when a tenant sends one of these fields: what it costs and when it is billed is the operator's to say. */
export const requireOperator = (actor: Actor, fields: Readonly<Record<string, unknown>>): void => {
  const sent = Object.keys(fields).filter((field) => fields[field] !== undefined)
  if (actor === 'tenant' && sent.length > 0)
    throw forbidden('operator_only', `only an operator's key may send ${sent.join(', ')}; leave it out`)
}

/** The instant that all decisions of a request are taken at. */
export const nowOf = ({ clock }: Pick<SubscriptionDeps, 'clock'>): Temporal.Instant => toMicroseconds(clock.now())

const known = (subscription: Subscription | undefined, id: string): Subscription => {
  if (!subscription) throw notFound('subscription_not_found', `subscription ${id} does not exist`)
  return subscription
}

const live = (subscription: Subscription): Subscription => {
  if (subscription.endedAt)
    throw conflict(
      'subscription_ended',
      `subscription ${subscription.id} ended at ${subscription.endedAt}; POST /subscriptions begins another`,
    )
  return subscription
}

export const loadSubscription = async (tx: ControlTx, id: string): Promise<Subscription> =>
  known(await findSubscription(tx, id), id)

/** As it is now, for a decision that is not acted on. */
export const liveAt = (stored: Subscription, now: Temporal.Instant): Subscription => live(advancedTo(stored, now))

/** Locked, and brought up to now: the worker may be behind. */
export const lockLive =
  (deps: SubscriptionDeps) =>
  async (tx: ControlTx, id: string, now: Temporal.Instant): Promise<Subscription> =>
    live(await renewTo(deps)(tx, live(known(await lockSubscription(tx, id), id)), now))
