import type { TestDatabase } from '../harness/database.ts'
import { limitTerms, planTerms, type World } from './world.ts'

/** A request that succeeds, with the ids of one world. */
export interface Parts {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
}

type Recipe = (world: World) => Promise<Parts>

const none: Recipe = async () => ({})
const tenant: Recipe = async ({ id }) => ({ params: { id } })
const user: Recipe = async (world) => ({ params: { id: world.id, user_id: await world.userId() } })
const key: Recipe = async (world) => ({ params: { id: world.id, key_id: await world.apiKeyId() } })
const plan: Recipe = async (world) => ({ params: { code: await world.planCode() } })
const subscription: Recipe = async (world) => ({ params: { id: await world.subscriptionId() } })
const invoice: Recipe = async (world) => ({ params: { id: await world.invoiceId() } })
const rateLimit: Recipe = async (world) => ({ params: { id: await world.rateLimitId() } })
const tenantQuery: Recipe = async ({ id }) => ({ query: { tenant_id: id } })
/** Of what is used; the world has an event, so that there is something to see. */
const use: Recipe = async (world) => {
  await world.eventId()
  return { params: { tenant_id: world.id } }
}

const withBody =
  (recipe: Recipe, body: (world: World) => Promise<Readonly<Record<string, unknown>>>): Recipe =>
  async (world) => ({ ...(await recipe(world)), body: await body(world) })

/**
 * For each route, by its id, a request that succeeds in a fresh world. A route without one fails the guard: add it here, and the matrix of
 * authorisation, the swapped ids, the hostile bodies and the hundred copies all cover it.
 */
export const recipes = (database: Pick<TestDatabase, 'ownerUrl'>): Readonly<Record<string, Recipe>> => ({
  createTenant: withBody(none, async ({ canary }) => ({
    name: canary,
    type: 'INDIVIDUAL',
    owner: { email: `owner-${canary}@example.com`, name: canary },
  })),
  listTenants: none,
  getTenant: tenant,
  changeTenant: withBody(tenant, async ({ canary }) => ({ name: canary, metadata: { canary } })),
  suspendTenant: withBody(tenant, async () => ({ reason: 'test' })),
  activateTenant: withBody(tenant, async () => ({})),
  addUser: withBody(tenant, async ({ canary }) => ({ email: `new-${canary}@example.com`, name: canary, role: 'member' })),
  listUsers: tenant,
  getUser: user,
  changeUser: withBody(user, async ({ canary }) => ({ name: `${canary} changed` })),
  removeUser: user,
  registerCluster: withBody(none, async ({ canary }) => ({ name: canary, url: database.ownerUrl })),
  listClusters: none,
  createApiKey: withBody(tenant, async ({ canary }) => ({ name: canary, scopes: ['keys:write'] })),
  listApiKeys: tenant,
  revokeApiKey: key,
  rotateApiKey: async (world) => ({ params: { id: world.id, key_id: await rotatable(world) }, body: {} }),
  listAuditLog: tenantQuery,
  listPlans: none,
  readPlan: plan,
  createPlan: withBody(none, async ({ canary, id }) => ({
    ...planTerms,
    code: `new-${canary}`,
    name: canary,
    currency: 'USD',
    tenant_id: id,
  })),
  addPlanVersion: withBody(plan, async () => ({ ...planTerms, monthly_price: '20.00' })),
  archivePlan: plan,
  createSubscription: withBody(none, async (world) => ({ tenant_id: world.id, plan: await world.planCode() })),
  listSubscriptions: async (world) => {
    await world.subscriptionId()
    return { query: { tenant_id: world.id } }
  },
  getSubscription: subscription,
  upgradeSubscription: withBody(subscription, async () => ({ plan: 'business' })),
  downgradeSubscription: withBody(subscription, async () => ({ plan: 'starter' })),
  previewSubscriptionChange: withBody(subscription, async () => ({ plan: 'business' })),
  cancelSubscription: withBody(subscription, async () => ({})),
  getSubscriptionMetrics: async (world) => {
    await world.subscriptionId()
    return { params: { tenant_id: world.id } }
  },
  recordUsage: withBody(none, async ({ id, canary }) => ({
    tenant_id: id,
    type: 'LLM_COMPLETION',
    provider: 'openai',
    model: 'gpt-4',
    user_id: canary,
    input_tokens: 10,
    output_tokens: 10,
  })),
  recordUsageBatch: withBody(none, async ({ id, canary }) => ({
    tenant_id: id,
    events: [
      { id: `${canary}-1`, type: 'API_CALL' },
      { type: 'COMPUTE_TIME', quantity: 60 },
    ],
  })),
  getUsageSummary: use,
  getUsageRealtime: use,
  listUsageEvents: use,
  listModelPrices: none,
  listUnpricedModels: none,
  putModelPrice: withBody(
    async ({ canary }) => ({ params: { provider: 'openai', model: canary } }),
    async () => ({ input_per_mtok: '1', output_per_mtok: '2' }),
  ),
  createRateLimit: withBody(none, async ({ canary }) => ({ ...limitTerms, name: canary })),
  listRateLimits: none,
  getRateLimit: rateLimit,
  changeRateLimit: withBody(rateLimit, async () => ({ priority: 1 })),
  archiveRateLimit: rateLimit,
  checkRateLimit: withBody(rateLimit, async ({ id }) => ({ tenant_id: id })),
  checkRateLimits: withBody(none, async (world) => ({ tenant_id: world.id, limits: [{ limit_id: await world.rateLimitId() }] })),
  checkConcurrentAgents: withBody(none, async ({ id }) => ({ tenant_id: id, agent_id: 'run_1' })),
  getConcurrentAgentsUsage: async ({ id }) => ({ query: { tenant_id: id } }),
  resetConcurrentAgents: withBody(none, async ({ id }) => ({ tenant_id: id })),
  getRateLimitUsage: async (world) => ({ ...(await rateLimit(world)), query: { tenant_id: world.id } }),
  listRateLimitAdjustments: rateLimit,
  listRateLimitViolations: none,
  resetRateLimit: withBody(rateLimit, async ({ id }) => ({ tenant_id: id })),
  generateInvoices: withBody(none, async (world) => ({ subscription_id: await world.subscriptionId() })),
  previewInvoice: withBody(none, async (world) => ({ subscription_id: await world.subscriptionId() })),
  listInvoices: async (world) => {
    await world.invoiceId()
    return { query: { tenant_id: world.id, subscription_id: await world.subscriptionId() } }
  },
  getInvoice: invoice,
  voidInvoice: withBody(invoice, async () => ({})),
  payInvoice: withBody(invoice, async () => ({ payment_method: 'tok_success' })),
  setTaxRate: withBody(none, async ({ id }) => ({ tenant_id: id, percent: '19', name: 'VAT' })),
  listTaxRates: none,
  getPayment: async (world) => ({ params: { id: await world.paymentId() } }),
  listPayments: async (world) => {
    await world.paymentId()
    return { query: { tenant_id: world.id, invoice_id: await world.invoiceId() } }
  },
})

/** A key that holds no more than whoever rotates it. */
const rotatable = async (world: World): Promise<string> => {
  const { body } = await world.t.call('POST', `/tenants/${world.id}/api-keys`, {
    key: world.t.operatorKey,
    body: { name: world.canary, scopes: ['keys:write'] },
  })
  return String(body.id)
}

/** What must have happened for the request to succeed. */
const BEFORE: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  activateTenant: ({ t, id }) => t.call('POST', `/tenants/${id}/suspend`, { key: t.operatorKey, body: { reason: 'test' } }),
}

/** The request of a route in this world, which is made ready for it to succeed. */
export const requestFor = async (id: string, world: World): Promise<Parts> => {
  await BEFORE[id]?.(world)
  return (await recipes(world.t.database)[id]?.(world)) ?? {}
}

const readable = (query: Readonly<Record<string, string>>): string => {
  const text = new URLSearchParams(query).toString()
  return text === '' ? '' : `?${text}`
}

/** `/tenants/{id}` with its parameters filled in and the query behind it. */
export const urlOf = (path: string, { params = {}, query = {} }: Parts): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? '')) + readable(query)
