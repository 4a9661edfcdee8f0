import type { ControlTx } from '../../platform/db/database.ts'
import type { SubscriptionDeps } from './deps.ts'
import { endedEvent, startedEvent } from './events.ts'
import { type Advance, decideAdvance } from './period-advance.ts'
import { closePhase, openPhase, saveSubscription } from './store.ts'
import type { Subscription } from './subscription.ts'

type Deps = Pick<SubscriptionDeps, 'clock' | 'ids' | 'outbox'>

/**
 * Takes one step of a subscription whose row the caller has locked, writes and announces it; undefined: nothing is due. Taking it again
 * finds nothing due, so that a step is taken once however many workers look.
 */
export const advance =
  ({ clock, ids, outbox }: Deps) =>
  async (tx: ControlTx, subscription: Subscription, now: Temporal.Instant): Promise<Advance | undefined> => {
    const step = decideAdvance(subscription, now)
    if (!step) return undefined
    const next = { ...step.subscription, updatedAt: clock.now() }
    await saveSubscription(tx, next)
    if (step.newPhase || !step.newPeriod) await closePhase(tx, next.id, step.at)
    if (step.newPhase) await openPhase(tx, next, { phaseId: ids.next('sph'), at: step.at, reason: step.newPhase })
    const event = step.newPeriod
      ? startedEvent(next, step.newPeriod, step.closedPeriod)
      : endedEvent({ at: step.at, subscription: next, credit: 0n, closedPeriod: step.closedPeriod })
    await outbox.add(tx, event)
    return { ...step, subscription: next }
  }

/** Takes all steps that are due, so that what is decided next is decided in the period that runs. */
export const renewTo =
  (deps: Deps) =>
  async (tx: ControlTx, subscription: Subscription, now: Temporal.Instant): Promise<Subscription> => {
    const take = advance(deps)
    let current = subscription
    for (let step = await take(tx, current, now); step; step = await take(tx, current, now)) current = step.subscription
    return current
  }
