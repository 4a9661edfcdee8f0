import type { allRoutes } from '../../src/app.ts'
import type { Parts } from '../factories/requests.ts'
import type { World } from '../factories/world.ts'

type Route = (typeof allRoutes)[number]

/** A place in a request that names a thing: a parameter of the path, of the query, or a field of the body. */
export interface Position {
  readonly part: 'params' | 'query' | 'body'
  readonly name: string
  readonly kind: Kind
}

type Kind = keyof typeof OWN

/** What a world has of each kind, and what it calls it. */
export const OWN = {
  tenant: async ({ id }: World) => id,
  user: (world: World) => world.userId(),
  apiKey: (world: World) => world.apiKeyId(),
  plan: (world: World) => world.planCode(),
  subscription: (world: World) => world.subscriptionId(),
  invoice: (world: World) => world.invoiceId(),
  payment: (world: World) => world.paymentId(),
} as const

const BY_NAME: Readonly<Record<string, Kind>> = {
  tenant_id: 'tenant',
  parent_id: 'tenant',
  user_id: 'user',
  key_id: 'apiKey',
  subscription_id: 'subscription',
  invoice_id: 'invoice',
  plan: 'plan',
}
/** The noun before `/{id}`. */
const BY_NOUN: Readonly<Record<string, Kind>> = {
  tenants: 'tenant',
  plans: 'plan',
  subscriptions: 'subscription',
  invoices: 'invoice',
  payments: 'payment',
}
/** What looks like an id and names nothing of another tenant's. */
const FREE: Readonly<Record<string, string>> = {
  'recordUsage body.id': "the client's own, unique within its tenant",
  'recordUsage body.user_id': "the client's own name for who used it",
  'listUsageEvents query.user_id': 'the same, as a filter',
  'createTenant body.cluster_id': "the operator's servers belong to no tenant",
  'createPlan body.code': 'a new one is made up here',
  'putModelPrice params.provider': 'price book of the operator',
  'putModelPrice params.model': 'price book of the operator',
  'getRateLimit params.id': "the operator's limits belong to no tenant",
  'changeRateLimit params.id': "the operator's limits belong to no tenant",
  'archiveRateLimit params.id': "the operator's limits belong to no tenant",
  'checkRateLimit params.id': "the operator's limits belong to no tenant",
  'getRateLimitUsage params.id': "the operator's limits belong to no tenant",
  'resetRateLimit params.id': "the operator's limits belong to no tenant",
  'listRateLimitAdjustments params.id': "the operator's limits belong to no tenant",
  'checkRateLimit body.user_id': "the asker's own name for who asks",
  'checkRateLimits body.user_id': "the asker's own name for who asks",
  'getRateLimitUsage query.user_id': "the asker's own name for who asks",
  'resetRateLimit body.user_id': "the asker's own name for who asks",
  'listRateLimitViolations query.limit_id': "the operator's limits belong to no tenant",
  'getRateLimitUsage query.tenant_id': 'whose counts the operator means',
  'resetRateLimit body.tenant_id': 'whose counts the operator means',
  'checkConcurrentAgents body.agent_id': "the asker's own name for a run of an agent",
  'getConcurrentAgentsUsage query.tenant_id': 'whose agents the operator means',
  'resetConcurrentAgents body.tenant_id': 'whose agents the operator means',
}

const namesOf = (schema: unknown): readonly string[] => {
  const properties: unknown =
    typeof schema === 'object' && schema !== null && 'properties' in schema ? schema.properties : undefined
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

const namesThing = (name: string): boolean => /(^|_)(id|code|slug_of)$/.test(name) || name === 'plan'

/** All places of a route that name a thing. Throws for one that is of no known kind: add it to the tables above. */
export const positionsOf = (route: Route): readonly Position[] => {
  const kindOf = (part: Position['part'], name: string): Kind | undefined => {
    const noun = new RegExp(`/([a-z-]+)/\\{${name}\\}`).exec(route.path)?.[1] ?? ''
    const kind = part === 'params' && !(name in BY_NAME) ? BY_NOUN[noun] : BY_NAME[name]
    const key = `${route.id} ${part}.${name}`
    if (key in FREE) return undefined
    if (!kind) throw new Error(`${key} names a thing of no known kind: say in test/attacks/positions.ts whose it is`)
    return kind
  }
  const places = [
    ...namesOf(route.params).map((name) => ['params', name] as const),
    ...namesOf(route.query)
      .filter(namesThing)
      .map((name) => ['query', name] as const),
    ...namesOf(route.body)
      .filter(namesThing)
      .map((name) => ['body', name] as const),
  ]
  return places.flatMap(([part, name]) => {
    const kind = kindOf(part, name)
    return kind ? [{ part, name, kind }] : []
  })
}

/** The same request with other ids at these places. */
export const withIds = (parts: Parts, ids: readonly (readonly [Position, string])[]): Parts => {
  const put = (part: Position['part']) => ({
    ...parts[part],
    ...Object.fromEntries(ids.filter(([position]) => position.part === part).map(([{ name }, id]) => [name, id])),
  })
  return {
    params: put('params'),
    query: put('query'),
    ...(parts.body || ids.some(([{ part }]) => part === 'body') ? { body: put('body') } : {}),
  }
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
/** An id of the same form that nobody has. */
export const randomLike = (id: string): string => {
  const [prefix, suffix] = id.includes('_') ? id.split('_') : [undefined, id]
  const made = Array.from(suffix ?? '', (_, i) =>
    i === 0 ? (prefix ? '0' : 'x') : ALPHABET[Math.floor(Math.random() * 32)],
  ).join('')
  return prefix ? `${prefix}_${made}` : made
}
