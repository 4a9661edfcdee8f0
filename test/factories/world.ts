import { SCOPES } from '../../src/platform/auth/caller.ts'
import type { IsolationLevel } from '../../src/platform/db/place.ts'
import type { Answer, Call, TestApp, TestTenant } from '../harness/app.ts'

/** One tenant and, made when first asked for, one of each thing that a tenant can have. */
export interface World extends TestTenant {
  readonly t: TestApp
  /** A text that is unlike any other world's: names, codes and addresses are made of it. */
  readonly canary: string
  userId(): Promise<string>
  apiKeyId(): Promise<string>
  /** Of a plan that this tenant alone may see. */
  planCode(): Promise<string>
  /** Live, on the tier pro. */
  subscriptionId(): Promise<string>
  /** Open, of that subscription. */
  invoiceId(): Promise<string>
  /** Of that invoice, which stays open: its payer is still to act. */
  paymentId(): Promise<string>
  eventId(): Promise<string>
  /** The operator's, which counts this tenant apart as it does every other. */
  rateLimitId(): Promise<string>
  /** A key of the tenant with these scopes. */
  keyWith(scopes: readonly string[]): Promise<string>
}

let worlds = 0

/** What a custom plan costs and includes; `code` and `name` are the caller's. */
export const planTerms = {
  monthly_price: '10.00',
  included: { compute_hours: '1', api_calls: '1000', storage_gb: '1', users: '1' },
  api_calls_per_minute: 10,
  concurrent_agents: 1,
}

/** A limit that each tenant has counts of its own under. */
export const limitTerms = {
  scopes: ['PER_TENANT'],
  policy: { algorithm: 'TOKEN_BUCKET', capacity: 1_000, refill: { tokens: 10, per_ms: 1_000 } },
}

/** Remembers what `make` gave: asked twice, it is made once. */
const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

const field = (answer: Answer, name: string): string => {
  const value = answer.body[name]
  if (answer.status < 300 && typeof value === 'string') return value
  throw new Error(`expected ${name}, got ${answer.status}: ${answer.text}`)
}

export const makeWorld = async (t: TestApp, isolation: IsolationLevel = 'SHARED', clusterId?: string): Promise<World> => {
  worlds += 1
  const canary = `canary${String(worlds).padStart(6, '0')}`
  const tenant = await t.tenant({ isolation, ...(clusterId === undefined ? {} : { clusterId }) })
  const post = (path: string, { key = tenant.key, ...call }: Call) => t.call('POST', path, { key, ...call })
  const asOperator = (path: string, body: unknown) => post(path, { key: t.operatorKey, body })
  const of = `/tenants/${tenant.id}`

  const subscriptionId = once(async () => field(await asOperator('/subscriptions', { tenant_id: tenant.id, plan: 'pro' }), 'id'))
  const firstInvoice = async (status: string): Promise<string> => {
    await subscriptionId()
    await t.settle()
    const { text } = await t.call('GET', `/invoices?status=${status}`, { key: tenant.key })
    const id = /"id":"(inv_\w+)"/.exec(text)?.[1]
    if (id === undefined) throw new Error(`no ${status} invoice: ${text}`)
    return id
  }
  const invoiceId = once(() => firstInvoice('open'))

  return {
    ...tenant,
    t,
    canary,
    subscriptionId,
    invoiceId,
    userId: once(async () =>
      field(await post(`${of}/users`, { body: { email: `${canary}@example.com`, name: canary, role: 'member' } }), 'id'),
    ),
    apiKeyId: once(async () => field(await post(`${of}/api-keys`, { body: { name: canary, scopes: ['usage:read'] } }), 'id')),
    planCode: once(async () =>
      field(
        await asOperator('/plans', { ...planTerms, code: canary, name: canary, currency: 'USD', tenant_id: tenant.id }),
        'code',
      ),
    ),
    paymentId: once(async () =>
      field(await post(`/invoices/${await invoiceId()}/pay`, { body: { payment_method: 'tok_requires_action' } }), 'id'),
    ),
    eventId: once(async () =>
      field(await post('/usage/record', { body: { id: canary, type: 'API_CALL', user_id: canary } }), 'id'),
    ),
    rateLimitId: once(async () => field(await asOperator('/rate-limits', { ...limitTerms, name: canary }), 'id')),
    keyWith: async (scopes) => field(await asOperator(`${of}/api-keys`, { name: canary, scopes }), 'secret'),
  }
}

/** A key of the world's tenant with all scopes but this one. */
export const keyWithout = (world: World, scope: string): Promise<string> =>
  world.keyWith(SCOPES.filter((candidate) => candidate !== scope))
