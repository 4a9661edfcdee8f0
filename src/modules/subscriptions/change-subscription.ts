import type { Cycle } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { conflict } from '../../platform/errors.ts'
import { findPlanVersion, findPlanVersions, monthlyPriceOf, type PlanVersion, sellableVersion } from '../catalog/index.ts'
import type { SubscriptionDeps } from './deps.ts'
import { changedEvent, newsEvent } from './events.ts'
import { phasesNow } from './load-entitlement.ts'
import { type Actor, liveAt, loadSubscription, lockLive, nowOf, requireOperator } from './load-subscription.ts'
import { ratePeriods } from './load-use.ts'
import { type Change, DEFAULT_WHEN, type Direction, decideChange, directionOf, type When } from './plan-change.ts'
import { amountsOf } from './rating.ts'
import { closePhase, openPhase, saveSubscription } from './store.ts'
import type { ClosedPeriod, Offer, Subscription } from './subscription.ts'

export interface ChangeInput {
  readonly actor: Actor
  readonly plan: string
  readonly cycle?: Cycle | undefined
  readonly when?: When | undefined
  /** Major units a month. */
  readonly priceOverride?: string | undefined
}

export interface ChangeDone {
  readonly changeId: string
  readonly change: Change
}

/** Carries out an upgrade or downgrade; see decideChange. */
export const changeSubscription =
  (deps: SubscriptionDeps) =>
  async (tx: ControlTx, id: string, direction: Direction, input: ChangeInput): Promise<ChangeDone> => {
    requireOperator(input.actor, { price_override: input.priceOverride })
    const now = nowOf(deps)
    const old = await lockLive(deps)(tx, id, now)
    const when = input.when ?? DEFAULT_WHEN[direction]
    const decided = decideChange(old, await offerOf(tx, old, input), { direction, when, now })
    const change = { ...decided, subscription: { ...decided.subscription, updatedAt: now } }
    const changeId = deps.ids.next('chg')
    await write(deps, tx, old, changeId, change)
    return { changeId, change }
  }

const write = async (
  { ids, outbox }: SubscriptionDeps,
  tx: ControlTx,
  old: Subscription,
  changeId: string,
  change: Change,
): Promise<void> => {
  const { subscription, at } = change
  await saveSubscription(tx, subscription)
  if (change.kind === 'scheduled') return outbox.add(tx, newsEvent('change_scheduled', subscription, at))
  await closePhase(tx, old.id, at)
  await openPhase(tx, subscription, { phaseId: ids.next('sph'), at, reason: change.reason })
  await outbox.add(
    tx,
    change.kind === 'swapped' ? newsEvent('plan_swapped', subscription, at) : changedEvent(changeId, old, change),
  )
}

export interface ChangePreview {
  readonly when: When
  readonly before: Subscription
  readonly change: Change
  /** Minor units that the use of the period comes to which the change closes. */
  readonly usage: bigint
  /** By the id of their version: the one before and the one after. */
  readonly plans: ReadonlyMap<string, PlanVersion>
}

/** What a change would do now, decided by the same function; nothing is written. Its direction follows from the price. */
export const previewChange =
  (deps: SubscriptionDeps) =>
  async (tx: ControlTx, id: string, input: ChangeInput): Promise<ChangePreview> => {
    requireOperator(input.actor, { price_override: input.priceOverride })
    const now = nowOf(deps)
    const stored = await loadSubscription(tx, id)
    const before = liveAt(stored, now)
    const offer = await offerOf(tx, before, input)
    const when = input.when ?? DEFAULT_WHEN[directionOf(before, offer) === 'downgrade' ? 'downgrade' : 'upgrade']
    const change = decideChange(before, offer, { when, now })
    const usage =
      change.kind === 'immediate' && change.closedPeriod ? await usageOf(deps, tx, stored, before, change.closedPeriod) : 0n
    return { when, before, change, usage, plans: await findPlanVersions(tx, [before.planVersionId, offer.planVersionId]) }
  }

const usageOf = async (
  deps: SubscriptionDeps,
  tx: ControlTx,
  stored: Subscription,
  now: Subscription,
  period: ClosedPeriod,
): Promise<bigint> => {
  const phases = await phasesNow(tx, stored, now)
  const versions = await findPlanVersions(tx, [...new Set(phases.map(({ planVersionId }) => planVersionId))])
  const [rated] = await ratePeriods(deps)(tx, now.tenantId, now.timeZone, [{ period, phases, versions }])
  const { overage, passThrough } = amountsOf(rated?.parts ?? [])
  return overage + passThrough
}

/** What is sold now under that plan. A price agreed with the tenant holds for its plan, not for another. */
const offerOf = async (tx: ControlTx, subscription: Subscription, input: ChangeInput): Promise<Offer> => {
  const version = await sellableVersion(tx, input.plan, subscription.tenantId)
  if (version.currency !== subscription.currency)
    throw conflict(
      'currency_mismatch',
      `plan '${input.plan}' is sold in ${version.currency}, subscription ${subscription.id} is billed in ${subscription.currency}; cancel it and begin another`,
    )
  const cycle = input.cycle ?? subscription.cycle
  if (input.priceOverride !== undefined) {
    const monthlyPrice = monthlyPriceOf('price_override', input.priceOverride, version.currency)
    return { planVersionId: version.id, cycle, monthlyPrice, priceOverridden: true }
  }
  const present = await findPlanVersion(tx, subscription.planVersionId)
  const keeps = subscription.priceOverridden && present?.planCode === version.planCode
  const monthlyPrice = keeps ? subscription.monthlyPrice : version.monthlyPrice
  return { planVersionId: version.id, cycle, monthlyPrice, priceOverridden: keeps }
}
