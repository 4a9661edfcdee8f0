import { type SubscriptionBench, tenantCaller } from './subscriptions.ts'

export interface Subscribed {
  readonly tenantId: string
  readonly subscription: Record<string, unknown>
  readonly params: { readonly id: string }
  /** A route of this subscription, called by its tenant unless told. */
  act(id: string, request?: Record<string, unknown>, caller?: ReturnType<typeof tenantCaller>): Promise<Record<string, unknown>>
}

/** A new tenant that subscribes at `at`. */
export const subscribe = async (
  bench: SubscriptionBench,
  body: Record<string, unknown>,
  at = '2026-03-01T00:00:00Z',
  timeZone = 'UTC',
): Promise<Subscribed> => {
  bench.clock.set(at)
  const tenantId = await bench.database.createTenant(undefined, { timeZone })
  const subscription = await bench.call('createSubscription', { body: { ...body, tenant_id: tenantId } })
  const params = { id: String(subscription.id) }
  return {
    tenantId,
    subscription,
    params,
    act: (id, request = {}, caller = tenantCaller(tenantId)) => bench.call(id, { params, body: request }, caller),
  }
}

/** The types of a tenant's events, in order. */
export const eventTypes = async (bench: SubscriptionBench, tenantId: string): Promise<string[]> =>
  (await bench.events(tenantId)).map(({ type }) => type.replace('subscription.', ''))

export const phasesOf = (bench: SubscriptionBench, id: unknown) =>
  bench.asOperator((tx) =>
    tx
      .selectFrom('subscription_phases')
      .select(['reason', 'monthly_price', 'starts_at', 'ends_at'])
      .where('subscription_id', '=', String(id))
      .orderBy('starts_at')
      .orderBy('id')
      .execute(),
  )
