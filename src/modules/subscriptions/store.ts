import { type Selectable, sql } from 'kysely'
import type { Cycle, Period } from '../../lib/period.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import type { SubscriptionPhasesTable, SubscriptionsTable } from '../../platform/db/generated/control.ts'
import type { Keyset } from '../../platform/http/page.ts'
import { CYCLES, type Offer, type Phase, type PhaseReason, REASONS, STATUSES, type Subscription } from './subscription.ts'

const oneOf = <T extends string>(known: readonly T[], text: string): T => {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new Error(`the database holds '${text}' where one of ${known.join(', ')} belongs`)
  return found
}

const cycleOf = (text: string): Cycle => oneOf(CYCLES, text)

const fromRow = (row: Selectable<SubscriptionsTable>): Subscription => ({
  id: row.id,
  tenantId: row.tenant_id,
  status: oneOf(STATUSES, row.status),
  planVersionId: row.plan_version_id,
  cycle: cycleOf(row.cycle),
  monthlyPrice: row.monthly_price,
  priceOverridden: row.price_overridden,
  currency: row.currency,
  anchorAt: row.anchor_at,
  anchorIndex: row.anchor_index,
  timeZone: row.time_zone,
  period: { index: row.period_index, start: row.period_start, end: row.period_end },
  charged: row.charged,
  usedWeight: BigInt(row.used_weight),
  pricedFrom: row.priced_from,
  trialEndsAt: row.trial_ends_at,
  scheduled: scheduledOf(row),
  cancelAtPeriodEnd: row.cancel_at_period_end,
  cancelReason: row.cancel_reason,
  canceledAt: row.canceled_at,
  endedAt: row.ended_at,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

const scheduledOf = (row: Selectable<SubscriptionsTable>): Offer | null => {
  const { scheduled_plan_version_id: planVersionId, scheduled_cycle: cycle } = row
  const { scheduled_monthly_price: monthlyPrice, scheduled_price_overridden: priceOverridden } = row
  if (planVersionId === null || cycle === null || monthlyPrice === null || priceOverridden === null) return null
  return { planVersionId, cycle: cycleOf(cycle), monthlyPrice, priceOverridden }
}

/** Everything that a step may change. */
const stateOf = (subscription: Subscription) => ({
  status: subscription.status,
  plan_version_id: subscription.planVersionId,
  cycle: subscription.cycle,
  monthly_price: subscription.monthlyPrice,
  price_overridden: subscription.priceOverridden,
  anchor_at: subscription.anchorAt,
  anchor_index: subscription.anchorIndex,
  period_index: subscription.period.index,
  period_start: subscription.period.start,
  period_end: subscription.period.end,
  charged: subscription.charged,
  used_weight: subscription.usedWeight.toString(),
  priced_from: subscription.pricedFrom,
  scheduled_plan_version_id: subscription.scheduled?.planVersionId ?? null,
  scheduled_cycle: subscription.scheduled?.cycle ?? null,
  scheduled_monthly_price: subscription.scheduled?.monthlyPrice ?? null,
  scheduled_price_overridden: subscription.scheduled?.priceOverridden ?? null,
  cancel_at_period_end: subscription.cancelAtPeriodEnd,
  cancel_reason: subscription.cancelReason,
  canceled_at: subscription.canceledAt,
  ended_at: subscription.endedAt,
  updated_at: subscription.updatedAt,
})

export const insertSubscription = async (tx: ControlTx, subscription: Subscription): Promise<void> => {
  const { id, tenantId, currency, timeZone, trialEndsAt, createdAt } = subscription
  const fixed = { id, tenant_id: tenantId, currency, time_zone: timeZone, trial_ends_at: trialEndsAt, created_at: createdAt }
  await tx
    .insertInto('subscriptions')
    .values({ ...fixed, ...stateOf(subscription) })
    .execute()
}

/** The caller holds the row's lock. */
export const saveSubscription = async (tx: ControlTx, subscription: Subscription): Promise<void> => {
  await tx.updateTable('subscriptions').set(stateOf(subscription)).where('id', '=', subscription.id).execute()
}

export const findSubscription = async (tx: ControlTx, id: string): Promise<Subscription | undefined> => {
  const row = await tx.selectFrom('subscriptions').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

/** Leaves the key free: the insert of an invoice that refers to it must not wait, or two who bill at once wait for each other. */
export const lockSubscription = async (tx: ControlTx, id: string): Promise<Subscription | undefined> => {
  const row = await tx.selectFrom('subscriptions').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst()
  return row && fromRow(row)
}

/** The one that has not ended. */
export const liveSubscription = async (tx: ControlTx, tenantId: string): Promise<Subscription | undefined> => {
  const row = await tx
    .selectFrom('subscriptions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return row && fromRow(row)
}

/** When the newest of a tenant's subscriptions that are over ended; undefined: it never had one. */
export const lastEndedAt = async (tx: ControlTx, tenantId: string): Promise<Temporal.Instant | undefined> => {
  const row = await tx
    .selectFrom('subscriptions')
    .select('ended_at')
    .where('tenant_id', '=', tenantId)
    .where('ended_at', 'is not', null)
    .orderBy('ended_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.ended_at ?? undefined
}

export interface SubscriptionFilter {
  readonly tenantId?: string | undefined
  readonly status?: string | undefined
  readonly after: Keyset | undefined
  readonly limit: number
}

/** Newest first. */
export const listSubscriptions = async (
  tx: ControlTx,
  { tenantId, status, after, limit }: SubscriptionFilter,
): Promise<Subscription[]> => {
  let query = tx.selectFrom('subscriptions').selectAll()
  if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
  if (status !== undefined) query = query.where('status', '=', status)
  if (after) query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('created_at', 'id'), '<', tuple(after.at, after.id)))
  const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  return rows.map(fromRow)
}

/**
 * Live subscriptions whose period has ended, longest overdue first, locked to the end of the transaction and passing over those that
 * others hold: call it as the operator.
 */
export const dueSubscriptions = (
  tx: ControlTx,
  now: Temporal.Instant,
  limit: number,
): Promise<{ id: string; tenantId: string }[]> =>
  tx
    .selectFrom('subscriptions')
    .select(['id', 'tenant_id as tenantId'])
    .where('ended_at', 'is', null)
    .where('period_end', '<=', now)
    .orderBy('period_end')
    .limit(limit)
    .forNoKeyUpdate()
    .skipLocked()
    .execute()

const toPhase = (row: Selectable<SubscriptionPhasesTable>): Phase => ({
  id: row.id,
  subscriptionId: row.subscription_id,
  planVersionId: row.plan_version_id,
  cycle: cycleOf(row.cycle),
  monthlyPrice: row.monthly_price,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
  reason: oneOf(REASONS, row.reason),
})

/** The phases that a period meets, first to last; one that lasted no time is left out. */
export const phasesWithin = async (tx: ControlTx, subscriptionId: string, { start, end }: Period): Promise<Phase[]> => {
  const rows = await tx
    .selectFrom('subscription_phases')
    .selectAll()
    .where('subscription_id', '=', subscriptionId)
    .where('starts_at', '<', end)
    .where(({ or, and, eb }) =>
      or([eb('ends_at', 'is', null), and([eb('ends_at', '>', start), sql<boolean>`ends_at > starts_at`])]),
    )
    .orderBy('starts_at')
    .orderBy('id')
    .execute()
  return rows.map(toPhase)
}

/** The phase that a tenant was in; `isOpen`: it has not ended, as far as steps have been taken. */
export const phaseAt = async (
  tx: ControlTx,
  tenantId: string,
  at: Temporal.Instant,
): Promise<{ readonly subscriptionId: string; readonly planVersionId: string; readonly isOpen: boolean } | undefined> => {
  const row = await tx
    .selectFrom('subscription_phases as p')
    .innerJoin('subscriptions as s', 's.id', 'p.subscription_id')
    .select(['p.subscription_id', 'p.plan_version_id', 'p.ends_at'])
    .where('p.tenant_id', '=', tenantId)
    .where('p.starts_at', '<=', at)
    .where(({ or, eb }) => or([eb('p.ends_at', 'is', null), eb('p.ends_at', '>', at)]))
    .where(({ or, eb }) => or([eb('s.ended_at', 'is', null), eb('s.ended_at', '>', at)]))
    .orderBy('p.starts_at', 'desc')
    .orderBy('p.id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && { subscriptionId: row.subscription_id, planVersionId: row.plan_version_id, isOpen: row.ends_at === null }
}

export const openPhase = async (
  tx: ControlTx,
  { id, tenantId: tenant_id, ...of }: Subscription,
  { phaseId, at, reason }: { readonly phaseId: string; readonly at: Temporal.Instant; readonly reason: PhaseReason },
): Promise<void> => {
  const offer = { plan_version_id: of.planVersionId, cycle: of.cycle, monthly_price: of.monthlyPrice }
  const phase = { id: phaseId, tenant_id, subscription_id: id, ...offer, starts_at: at, reason }
  await tx.insertInto('subscription_phases').values(phase).execute()
}

export const closePhase = async (tx: ControlTx, subscriptionId: string, at: Temporal.Instant): Promise<void> => {
  await tx
    .updateTable('subscription_phases')
    .set({ ends_at: at })
    .where('subscription_id', '=', subscriptionId)
    .where('ends_at', 'is', null)
    .execute()
}
