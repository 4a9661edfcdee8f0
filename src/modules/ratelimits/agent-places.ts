import { concurrencyLimiter } from './limiter/concurrency/memory.ts'
import {
  type RedisConcurrencyLimiter,
  type RedisConcurrencyOptions,
  redisConcurrencyLimiter,
} from './limiter/concurrency/redis.ts'

/** The limit's name: of its places, in the answers and in header fields. */
export const CONCURRENT_AGENTS = 'concurrent_agents' as const
/** An agent that is not heard of for so long is gone. */
export const RENEW_WITHIN_MS = 60_000

/** Nobody knows when a place comes free. */
export const RETRY_MS = 5_000

const DAY_MS = 86_400_000
/** Each request tells how many its tenant's plan allows. */
const PLACES = {
  limits: { [CONCURRENT_AGENTS]: 0 },
  holderTtlMs: RENEW_WITHIN_MS,
  /** An agent that is heard of is there, however long it runs; after so long it takes a place anew. */
  leaseTtlMs: 7 * DAY_MS,
  retryMs: RETRY_MS,
}

/** Where agents have their places: in a server's memory, or in what servers share. */
export type AgentPlaces = Pick<RedisConcurrencyLimiter, 'acquire' | 'release' | 'reset' | 'inFlight'>

export const inProcessAgentPlaces = (now: () => number): AgentPlaces => {
  const places = concurrencyLimiter({ ...PLACES, now })
  return {
    acquire: async (asks, lease) => places.tryAcquireAll(asks, lease),
    release: async (id) => places.release(id),
    reset: async (limit, key) => places.reset(limit, key),
    inFlight: async (limit, key) => places.inFlight(limit, key),
  }
}

/** Without Redis, agents that this server knows go on, and others are held to its share: the plan's number by the servers that live. */
export const sharedAgentPlaces = (
  options: Pick<RedisConcurrencyOptions, 'client' | 'deadlineMs' | 'prefix' | 'now' | 'seed' | 'liveServers'>,
): AgentPlaces => redisConcurrencyLimiter({ ...PLACES, ...options })
