import { unavailable } from '../../platform/errors.ts'
import { type AgentPlaces, CONCURRENT_AGENTS, RENEW_WITHIN_MS, RETRY_MS } from './agent-places.ts'
import type { LimitDecision } from './limiter/decision.ts'
import { limitItem, policyItem } from './limiter/http/fields.ts'
import { retryAfterSeconds } from './limiter/http/jittered-wait.ts'
import { LimiterUnavailable } from './limiter/redis/limiter.ts'
import type { PlanCache } from './plan-cache.ts'
import type { ToldFields } from './told-fields.ts'

/** What the plan's number of agents says of one more, or of one that runs. */
export interface AgentAnswer {
  readonly allowed: boolean
  /** How many the plan lets run at once. */
  readonly limit: number
  /** How many more may begin now. */
  readonly remaining: number
  /** null: it is allowed, or the plan has no agents. */
  readonly retryAfterMs: number | null
  /** Until its place is free again, unless it is heard of before; null: it has none. */
  readonly renewWithinMs: number | null
  readonly degraded: boolean
}

export interface ConcurrentAgentsDeps {
  readonly places: AgentPlaces
  /** How many a tenant's plan lets run at once. */
  readonly numbers: PlanCache<number>
  /** Where its plan is known, a tenant's agent waits no longer for a look at it. */
  readonly waitMs: number
  readonly refused: () => void
  /** Hears of an answer that was given without the counts. */
  readonly degraded: () => void
  /** From 0 to below 1. */
  readonly random: () => number
}

/** With the tenant's other counts on one server of a Cluster: of `groupOf`. */
const tagOf = (tenantId: string): string => `{tenant=${tenantId}}`

const reachable = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (error) {
    if (error instanceof LimiterUnavailable)
      throw unavailable('rate_limit_counts_unreachable', 'the counts of rate limits cannot be reached; ask again later')
    throw error
  }
}

const decisionOf = ({ allowed, remaining, retryAfterMs }: AgentAnswer): LimitDecision => ({
  limit: CONCURRENT_AGENTS,
  allowed,
  remaining,
  resetMs: 0,
  retryAfterMs: retryAfterMs ?? (allowed ? 0 : Number.POSITIVE_INFINITY),
  delayMs: 0,
})

/**
 * How many agents of a tenant run at once: as many as its plan lets, by default and on all servers together. An agent that runs has a place, until
 * it ends or is not heard of for `RENEW_WITHIN_MS`; a plan that is made smaller ends none. Where nothing is told of the plan, throws what the
 * look at it did.
 */
export const concurrentAgents = ({ places, numbers, waitMs, refused, degraded, random }: ConcurrentAgentsDeps) => {
  const ask = async (tenantId: string, agentId: string, cost: 0 | 1): Promise<AgentAnswer> => {
    const limit = await numbers.of(tenantId, waitMs)
    const key = tagOf(tenantId)
    const id = `${key}${agentId}`
    const decision = await places.acquire([{ limit: CONCURRENT_AGENTS, key, cost, most: limit }], { id, holder: id })
    const [told] = decision.limits
    if (!told) throw new Error('the places of agents left a question without an answer')
    if (decision.degraded) degraded()
    const allowed = cost === 1 ? decision.allowed : decision.allowed && told.remaining > 0
    return {
      allowed,
      limit,
      remaining: told.remaining,
      retryAfterMs: allowed || limit === 0 ? null : RETRY_MS,
      renewWithinMs: cost === 1 && allowed ? RENEW_WITHIN_MS : null,
      degraded: decision.degraded === true,
    }
  }

  return {
    /** Gives the agent a place, or keeps the one that it has. */
    async hold(tenantId: string, agentId: string): Promise<AgentAnswer> {
      const answer = await ask(tenantId, agentId, 1)
      if (!answer.allowed) refused()
      return answer
    },

    /** The agent has ended: its place is free, also where it had none. Throws 503 `rate_limit_counts_unreachable`. */
    async release(tenantId: string, agentId: string): Promise<AgentAnswer> {
      await reachable(places.release(`${tagOf(tenantId)}${agentId}`))
      return { ...(await ask(tenantId, agentId, 0)), allowed: true, retryAfterMs: null }
    },

    /** Whether one more might begin. */
    look: (tenantId: string): Promise<AgentAnswer> => ask(tenantId, '', 0),

    /** How many have a place; more than the limit, where that was made smaller. Throws 503 `rate_limit_counts_unreachable`. */
    async usage(tenantId: string): Promise<{ readonly limit: number; readonly used: number }> {
      const limit = await numbers.of(tenantId)
      return { limit, used: await reachable(places.inFlight(CONCURRENT_AGENTS, tagOf(tenantId))) }
    },

    /** All places of the tenant are free; those that run take one again when they are heard of. Answers how many were taken. */
    reset: (tenantId: string): Promise<number> => reachable(places.reset(CONCURRENT_AGENTS, tagOf(tenantId))),

    /** What an answer says in header fields. */
    told(answer: AgentAnswer): ToldFields {
      const decision = decisionOf(answer)
      return {
        lists: {
          rateLimit: limitItem(decision),
          rateLimitPolicy: policyItem({ name: CONCURRENT_AGENTS, quota: answer.limit, unit: 'concurrent-requests' }),
        },
        retryAfter: retryAfterSeconds({ allowed: answer.allowed, limits: [decision] }, random()),
      }
    },
  }
}

export type ConcurrentAgents = ReturnType<typeof concurrentAgents>
