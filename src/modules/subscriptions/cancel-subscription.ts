import type { ControlTx } from '../../platform/db/database.ts'
import { type Cancellation, decideCancellation } from './cancellation.ts'
import type { SubscriptionDeps } from './deps.ts'
import { endedEvent, newsEvent } from './events.ts'
import { type Actor, lockLive, nowOf, requireOperator } from './load-subscription.ts'
import type { When } from './plan-change.ts'
import { closePhase, saveSubscription } from './store.ts'

export interface CancelInput {
  readonly actor: Actor
  readonly when?: When | undefined
  readonly reason?: string | undefined
  readonly prorate?: boolean | undefined
}

/** At the period's end unless told; canceling once more what is to end anyway changes nothing and announces nothing. */
export const cancelSubscription =
  (deps: SubscriptionDeps) =>
  async (tx: ControlTx, id: string, input: CancelInput): Promise<Cancellation> => {
    const { when = 'period_end', reason = null, prorate = false } = input
    requireOperator(input.actor, { prorate: prorate || undefined })
    const now = nowOf(deps)
    const old = await lockLive(deps)(tx, id, now)
    const decided = decideCancellation(old, { when, prorate, reason, now })
    const canceled = { ...decided, subscription: { ...decided.subscription, updatedAt: now } }
    const { subscription, at } = canceled
    await saveSubscription(tx, subscription)
    if (!old.cancelAtPeriodEnd) await deps.outbox.add(tx, newsEvent('canceled', subscription, at))
    if (when === 'now') {
      await closePhase(tx, id, at)
      await deps.outbox.add(tx, endedEvent(canceled))
    }
    return canceled
  }
