import { Type } from 'typebox'
import type { Caller } from '../../platform/auth/caller.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { pageOf } from '../../platform/http/page.ts'
import { routesOf } from '../../platform/http/route.ts'
import { Amount, Instant, PageOf, PageQuery, Strict } from '../../platform/http/schema.ts'
import type { Actor } from './load-subscription.ts'
import { type Direction, WHENS } from './plan-change.ts'
import { CycleName, MetricsReply, PreviewReply, SubscriptionReply, toMetrics, toPreview, toReply } from './reply.ts'
import type { SubscriptionService } from './service.ts'
import { STATUSES, type Subscription } from './subscription.ts'

const route = routesOf<{ subscriptions: SubscriptionService }>()
const tag = 'Subscriptions'
const Id = Type.String({ minLength: 1, maxLength: 64 })
const Params = Strict({ id: Id })
const PlanCode = Type.String({ minLength: 1, maxLength: 64 })
const When = Type.Enum(WHENS)
const actorOf = (caller: Caller): Actor => caller.kind

/** The subscription with its plan's code. */
const shown = async (tx: ControlTx, subscriptions: SubscriptionService, subscription: Subscription) =>
  toReply(subscription, await subscriptions.plansOf(tx, [subscription]))

const ChangeBody = Strict({
  plan: PlanCode,
  cycle: Type.Optional(CycleName),
  when: Type.Optional(When),
  price_override: Type.Optional(Amount),
})
interface ChangeFields {
  readonly plan: string
  readonly cycle?: 'monthly' | 'quarterly' | 'annual'
  readonly when?: 'now' | 'period_end'
  readonly price_override?: string
}
const changeInput = (caller: Caller, { price_override, ...body }: ChangeFields) => ({
  actor: actorOf(caller),
  ...body,
  priceOverride: price_override,
})

const CHANGE_ERRORS = {
  subscription_not_found: 'no such subscription',
  plan_unchanged: 'it is on this plan, cycle and price already',
  plan_not_found: 'no such plan',
  plan_archived: 'the plan is not sold any more',
  currency_mismatch: 'the plan is sold in another currency',
  subscription_ended: 'it is over',
  subscription_ending: 'it ends with its period',
  operator_only: 'a field that only the operator may send',
}

const changeRoute = (direction: Direction, summary: string, description: string, refusal: Record<string, string>) =>
  route.write({
    method: 'POST',
    path: `/subscriptions/{id}/${direction}`,
    id: `${direction}Subscription`,
    tag,
    access: 'both',
    scope: 'subscriptions:write',
    summary,
    description,
    params: Params,
    body: ChangeBody,
    reply: SubscriptionReply,
    errors: { ...CHANGE_ERRORS, ...refusal },
    handle: async ({ tx, caller, params, body }, { subscriptions }) =>
      shown(
        tx,
        subscriptions,
        (await subscriptions.change(tx, params.id, direction, changeInput(caller, body))).change.subscription,
      ),
  })

export const subscriptionRoutes = [
  route.write({
    method: 'POST',
    path: '/subscriptions',
    id: 'createSubscription',
    tag,
    access: 'both',
    scope: 'subscriptions:write',
    tenant: 'body.tenant_id',
    status: 201,
    summary: 'Subscribe a tenant to a plan',
    description:
      'One live subscription a tenant. Trial days, a start in the past and a price of its own are the operator’s to give.',
    body: Strict({
      tenant_id: Type.Optional(Id),
      plan: PlanCode,
      cycle: Type.Optional(CycleName),
      trial_days: Type.Optional(Type.Integer({ minimum: 0, maximum: 365 })),
      anchor_at: Type.Optional(Instant),
      price_override: Type.Optional(Amount),
    }),
    reply: SubscriptionReply,
    errors: {
      subscription_exists: 'the tenant has one that is live',
      tenant_required: 'an operator’s key without tenant_id',
      tenant_not_found: 'there is no such tenant',
      tenant_not_usable: 'the tenant is suspended or has left',
      plan_not_found: 'no such plan',
      plan_archived: 'the plan is not sold any more',
      anchor_invalid: 'the start is in the future, or too far back',
      operator_only: 'a field that only the operator may send',
    },
    handle: async ({ tx, caller, tenantId, body }, { subscriptions }) =>
      shown(
        tx,
        subscriptions,
        await subscriptions.create(tx, tenantId, {
          actor: actorOf(caller),
          plan: body.plan,
          cycle: body.cycle,
          trialDays: body.trial_days,
          anchorAt: body.anchor_at,
          priceOverride: body.price_override,
        }),
      ),
  }),
  route.read({
    method: 'GET',
    path: '/subscriptions',
    id: 'listSubscriptions',
    tag,
    access: 'both',
    scope: 'subscriptions:read',
    tenant: 'query.tenant_id',
    summary: 'List subscriptions, newest first',
    query: Strict({
      ...PageQuery,
      tenant_id: Type.Optional(Id),
      status: Type.Optional(Type.Enum(STATUSES)),
    }),
    reply: PageOf(SubscriptionReply),
    errors: { cursor_invalid: 'the cursor was not made by this list' },
    handle: async ({ tx, tenantId, query }, { subscriptions }) => {
      const { data, nextCursor } = await pageOf(
        query,
        (page) => subscriptions.list(tx, { tenantId, status: query.status, ...page }),
        ({ createdAt, id }) => ({ at: createdAt, id }),
      )
      const plans = await subscriptions.plansOf(tx, data)
      return { data: data.map((one) => toReply(one, plans)), next_cursor: nextCursor }
    },
  }),
  route.read({
    method: 'GET',
    path: '/subscriptions/{id}',
    id: 'getSubscription',
    tag,
    access: 'both',
    scope: 'subscriptions:read',
    summary: 'Read a subscription',
    params: Params,
    reply: SubscriptionReply,
    errors: { subscription_not_found: 'no such subscription' },
    handle: async ({ tx, params }, { subscriptions }) => shown(tx, subscriptions, await subscriptions.get(tx, params.id)),
  }),
  changeRoute(
    'upgrade',
    'Change to a plan that costs more',
    'Now unless told: the unused part is credited and the rest charged, by the second.',
    {
      not_an_upgrade: 'the plan costs less; downgrade to it',
    },
  ),
  changeRoute(
    'downgrade',
    'Change to a plan that costs less',
    'At the end of the period unless told; now, the unused part goes to the credit balance. Asking for the plan that it is on takes back what is scheduled.',
    {
      not_a_downgrade: 'the plan costs more; upgrade to it',
    },
  ),
  route.write({
    method: 'POST',
    path: '/subscriptions/{id}/preview',
    id: 'previewSubscriptionChange',
    tag,
    access: 'both',
    scope: 'subscriptions:read',
    audit: false,
    summary: 'What a change would cost, to the cent',
    description: 'Decided by the same function that decides the change; nothing is written.',
    params: Params,
    body: ChangeBody,
    reply: PreviewReply,
    errors: CHANGE_ERRORS,
    handle: async ({ tx, caller, params, body }, { subscriptions }) =>
      toPreview(await subscriptions.preview(tx, params.id, changeInput(caller, body))),
  }),
  route.write({
    method: 'POST',
    path: '/subscriptions/{id}/cancel',
    id: 'cancelSubscription',
    tag,
    access: 'both',
    scope: 'subscriptions:write',
    summary: 'Cancel a subscription',
    description: 'At the end of the period unless told. Now, nothing is given back unless the operator says prorate.',
    params: Params,
    body: Strict({
      when: Type.Optional(When),
      reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
      prorate: Type.Optional(Type.Boolean()),
    }),
    reply: SubscriptionReply,
    errors: {
      subscription_not_found: 'no such subscription',
      subscription_ended: 'it is over already',
      operator_only: 'a field that only the operator may send',
    },
    handle: async ({ tx, caller, params, body }, { subscriptions }) =>
      shown(tx, subscriptions, (await subscriptions.cancel(tx, params.id, { actor: actorOf(caller), ...body })).subscription),
  }),
  route.read({
    method: 'GET',
    path: '/subscriptions/{tenant_id}/metrics',
    id: 'getSubscriptionMetrics',
    tag,
    access: 'both',
    scope: 'subscriptions:read',
    tenant: 'params.tenant_id',
    summary: 'Usage against limits, revenue, and what the next invoice comes to',
    params: Strict({ tenant_id: Id }),
    reply: MetricsReply,
    errors: { subscription_not_found: 'the tenant has none that is live', tenant_not_found: 'there is no such tenant' },
    handle: async ({ tx, params }, { subscriptions }) => toMetrics(await subscriptions.metrics(tx, params.tenant_id)),
  }),
]
