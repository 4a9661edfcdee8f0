import { type Static, Type } from 'typebox'
import { notFound } from '../../platform/errors.ts'
import { routesOf } from '../../platform/http/route.ts'
import { Nullable, Strict } from '../../platform/http/schema.ts'
import { CONCURRENT_AGENTS, RENEW_WITHIN_MS } from './agent-places.ts'
import type { AgentAnswer, ConcurrentAgents } from './concurrent-agents.ts'
import { tellFields } from './told-fields.ts'

const TenantId = Type.String({ minLength: 1, maxLength: 64 })
const Count = Type.Integer({ minimum: 0 })
const LimitId = Type.Literal(CONCURRENT_AGENTS)

const ACTIONS = ['hold', 'release', 'look'] as const

const CheckBody = Strict({
  tenant_id: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'For operator keys: whose agent it is' })),
  agent_id: Type.String({
    minLength: 1,
    maxLength: 200,
    description: "The asker's own name for one run of an agent",
    examples: ['run_7f3a'],
  }),
  action: Type.Optional(
    Type.Enum([...ACTIONS], {
      default: 'hold',
      description:
        'hold: gives it a place, or keeps the one that it has. release: it has ended. look: whether one more might begin; takes nothing',
    }),
  ),
})
const CheckReply = Strict({
  limit_id: LimitId,
  tenant_id: TenantId,
  agent_id: Type.String(),
  allowed: Type.Boolean(),
  limit: { ...Count, description: "How many the tenant's plan lets run at once" },
  remaining: { ...Count, description: 'How many more may begin now' },
  retry_after_ms: Nullable(Type.Integer({ description: 'null: it is allowed, or the plan has no agents' })),
  renew_within_ms: Nullable(
    Type.Integer({ description: 'Until its place is free again, unless it is asked for before; null: it has none' }),
  ),
  degraded: Type.Boolean({
    description:
      "The counts could not be reached: an agent that this server knows goes on, others are held to the server's share",
  }),
})
const TenantQuery = Strict({ tenant_id: TenantId })
const UsageReply = Strict({
  limit_id: LimitId,
  tenant_id: TenantId,
  limit: Count,
  used: { ...Count, description: 'More than the limit, where the plan was made smaller' },
  remaining: Count,
})
const ResetReply = Strict({ limit_id: LimitId, tenant_id: TenantId, freed: Count })

const ERRORS = { tenant_not_found: 'No such tenant, or none is named' }
const UNREACHABLE = {
  rate_limit_counts_unreachable: 'The counts cannot be reached; a place that is not renewed is free by itself',
}
const HEADERS = {
  'RateLimit-Policy': "draft-ietf-httpapi-ratelimit-headers-10: the plan's number, of concurrent requests; after the API's own",
  RateLimit: 'How many more may begin',
  'Retry-After': 'Of a refusal: whole seconds, with jitter. Nobody knows when a place comes free',
}

const answered = (agents: ConcurrentAgents, tenantId: string, body: Static<typeof CheckBody>): Promise<AgentAnswer> => {
  const { action = 'hold', agent_id: agentId } = body
  switch (action) {
    case 'hold':
      return agents.hold(tenantId, agentId)
    case 'release':
      return agents.release(tenantId, agentId)
    case 'look':
      return agents.look(tenantId)
    default:
      throw action satisfies never
  }
}

const route = routesOf<{ concurrentAgents: ConcurrentAgents }>()
const tag = 'Rate limits'

/** Those of a limit, for the one that every plan has. */
export const concurrentAgentsRoutes = [
  route.steps({
    method: 'POST',
    path: `/rate-limits/${CONCURRENT_AGENTS}/check`,
    id: 'checkConcurrentAgents',
    tag,
    access: 'both',
    scope: 'limits:check',
    tenant: 'body.tenant_id',
    audit: false,
    summary: 'Ask for the place of an agent, keep it, or give it back',
    description:
      "An agent that runs has a place of its tenant's plan (concurrent_agents), until it is released or not asked for again within " +
      `${RENEW_WITHIN_MS / 1_000} s. Answers 200 also where there is no place: see allowed. Ask without an Idempotency-Key, or with another each ` +
      'time: what is replayed renews nothing.',
    body: CheckBody,
    reply: CheckReply,
    headers: HEADERS,
    errors: { ...ERRORS, ...UNREACHABLE },
    async handle({ tenantId, body, head }, { concurrentAgents }) {
      if (tenantId === undefined) throw notFound('tenant_not_found', 'say with tenant_id whose agent this is')
      const answer = await answered(concurrentAgents, tenantId, body)
      tellFields(head, concurrentAgents.told(answer))
      return {
        limit_id: CONCURRENT_AGENTS,
        tenant_id: tenantId,
        agent_id: body.agent_id,
        allowed: answer.allowed,
        limit: answer.limit,
        remaining: answer.remaining,
        retry_after_ms: answer.retryAfterMs,
        renew_within_ms: answer.renewWithinMs,
        degraded: answer.degraded,
      }
    },
  }),
  route.steps({
    method: 'GET',
    path: `/rate-limits/${CONCURRENT_AGENTS}/usage`,
    id: 'getConcurrentAgentsUsage',
    tag,
    access: 'operator',
    scope: 'limits:read',
    summary: 'Read how many agents of a tenant run',
    query: TenantQuery,
    reply: UsageReply,
    errors: { ...ERRORS, ...UNREACHABLE },
    async handle({ query: { tenant_id } }, { concurrentAgents }) {
      const { limit, used } = await concurrentAgents.usage(tenant_id)
      return { limit_id: CONCURRENT_AGENTS, tenant_id, limit, used, remaining: Math.max(0, limit - used) }
    },
  }),
  route.steps({
    method: 'POST',
    path: `/rate-limits/${CONCURRENT_AGENTS}/reset`,
    id: 'resetConcurrentAgents',
    tag,
    access: 'operator',
    scope: 'limits:write',
    summary: 'Free the places of all agents of a tenant',
    description: 'Those that run take a place again when they are asked for next, while there is one.',
    body: TenantQuery,
    reply: ResetReply,
    errors: UNREACHABLE,
    handle: async ({ body: { tenant_id } }, { concurrentAgents }) => ({
      limit_id: CONCURRENT_AGENTS,
      tenant_id,
      freed: await concurrentAgents.reset(tenant_id),
    }),
  }),
]
