import { formatDecimal, parseDecimal } from '../../lib/decimal.ts'
import type { Api, Body } from '../api.ts'
import { field } from '../reply.ts'
import { CAST, type Role } from './cast.ts'

/** A tenant of the cast as it came to be. */
export interface Actor {
  readonly role: Role
  readonly tenantId: string
  readonly subscriptionId: string
  readonly planName: string
  readonly includedCalls: number
  /** US dollars for 1,000 calls beyond; undefined: the plan stops. */
  readonly overagePrice: string | undefined
}

const within = (body: Body, name: string): Body => {
  const value = body[name]
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

const MARKUP = '20'

/** A new version of Business that passes the LLM cost on: sold from now on, and priced like the one before. */
const passOn = async (api: Api): Promise<void> => {
  const { monthly_price, included, overage, api_calls_per_minute, concurrent_agents } = within(
    await api.call('GET', '/plans/business'),
    'current',
  )
  await api.call('POST', '/plans/business/versions', {
    monthly_price,
    included,
    overage,
    api_calls_per_minute,
    concurrent_agents,
    llm_pass_through: true,
    llm_markup_percent: MARKUP,
  })
}

const subscribe = async (api: Api, role: Role, clusterId: string): Promise<Actor> => {
  const { name, slug, type, isolation, owner, plan } = role
  const cluster = isolation === 'CLUSTER' ? { cluster_id: clusterId } : {}
  const tenantId = field(await api.call('POST', '/tenants', { name, slug, type, isolation, owner, ...cluster }), 'id')
  const offered = await api.call('GET', `/plans/${plan}`)
  const current = within(offered, 'current')
  const price = field(within(current, 'overage'), 'api_calls')
  return {
    role,
    tenantId,
    subscriptionId: field(await api.call('POST', '/subscriptions', { tenant_id: tenantId, plan }), 'id'),
    planName: field(offered, 'name'),
    includedCalls: Number(field(within(current, 'included'), 'api_calls')),
    overagePrice: price === '—' ? undefined : formatDecimal(parseDecimal(price), undefined, { minFraction: 2 }),
  }
}

/** Registers the cluster, then the four tenants at once, each with its place, its plan and its subscription. */
export const setUpCast = async (api: Api, clusterUrl: string): Promise<readonly Actor[]> => {
  await passOn(api)
  const cluster = await api.call('POST', '/clusters', { name: 'dedicated', url: clusterUrl })
  return Promise.all(CAST.map((role) => subscribe(api, role, field(cluster, 'id'))))
}
