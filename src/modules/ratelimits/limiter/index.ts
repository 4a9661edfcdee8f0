import { type ConcurrencyLimiter, type ConcurrencyOptions, concurrencyLimiter } from './concurrency/memory.ts'
import { type RedisConcurrencyLimiter, type RedisConcurrencyOptions, redisConcurrencyLimiter } from './concurrency/redis.ts'
import { type LeasedLimiter, leasedLimiter } from './leases/limiter.ts'
import { type MemoryLimiter, type MemoryLimiterOptions, memoryLimiter } from './memory/limiter.ts'
import { type RedisLimiter, type RedisLimiterOptions, redisLimiter } from './redis/limiter.ts'
import { hashSeed, microseconds } from './sources.ts'

export type { AdaptivePolicy } from './adaptive/adaptive-policy.ts'
export { type Aimd, aimd } from './adaptive/aimd.ts'
export { type Adaptive, type AdaptiveState, adaptive, type Cause, type Change, type Decided } from './adaptive/decide.ts'
export { type Gradient2, type Gradient2State, gradient2, gradient2Start } from './adaptive/gradient2.ts'
export type { Observation, ProviderSignal } from './adaptive/observation.ts'
export type { Bounds, Sample } from './adaptive/sample.ts'
export { type Vegas, type VegasState, vegas, vegasStart } from './adaptive/vegas.ts'
export { PolicyError } from './compile.ts'
export type { ConcurrencyLimiter, LeaseOf } from './concurrency/memory.ts'
export type { RedisConcurrencyLimiter } from './concurrency/redis.ts'
export type { Ask, Decision, LimitDecision } from './decision.ts'
export { type HitStatistics, hitStatistics } from './hit-statistics.ts'
export { expressRateLimit } from './http/express.ts'
export { fastifyRateLimit } from './http/fastify.ts'
export { honoRateLimit } from './http/hono.ts'
export type { Limiter, RateLimitOptions } from './http/options.ts'
export { impliedEstimate } from './implied-estimate.ts'
export { ipKey } from './ip-key.ts'
export type { LeasedLimiter } from './leases/limiter.ts'
export type { MemoryLimiter } from './memory/limiter.ts'
export type {
  Anchor,
  CostPolicy,
  FixedWindowPolicy,
  LeakyBucketPolicy,
  Policy,
  SlidingWindowPolicy,
  TokenBucketPolicy,
} from './policy.ts'
export { LimiterUnavailable, type RedisLimiter } from './redis/limiter.ts'
export type { ReservationState, Settlement } from './reservation.ts'

/**
 * A limiter in this process's memory. Throws PolicyError, with the number that is wrong.
 *
 *     const limiter = createLimiter({ limits: { api: { algorithm: 'TOKEN_BUCKET', capacity: 20, refill: { tokens: 10, perMs: 1_000 } } } })
 *     const { allowed, retryAfterMs } = limiter.tryAcquire('api', userId)
 */
export const createLimiter = (options: Omit<MemoryLimiterOptions, 'now' | 'seed'>): MemoryLimiter =>
  memoryLimiter({ ...options, now: microseconds, seed: hashSeed() })

/** A limiter whose counts are in Redis, Redis Cluster or Valkey, over a client of ioredis or one of its shape. Throws PolicyError. */
export const createRedisLimiter = (options: Omit<RedisLimiterOptions, 'now' | 'seed' | 'serverTime'>): RedisLimiter =>
  redisLimiter({ ...options, now: microseconds, seed: hashSeed() })

export interface LeasedRedisLimiterOptions extends Omit<RedisLimiterOptions, 'now' | 'seed' | 'serverTime'> {
  /** By limit, which share of it a server takes at once: 0.001 to 0.1. Every server that shares the limit leases it by the same share. */
  readonly leases: Readonly<Record<string, number>>
}

/** A limiter in Redis that serves what is leased from memory. `close` gives back what it holds. Throws PolicyError. */
export const createLeasedLimiter = ({ leases, ...options }: LeasedRedisLimiterOptions): LeasedLimiter => {
  const limiter = leasedLimiter({
    limits: options.limits,
    leases,
    countedBy: (limits) => createRedisLimiter({ ...options, limits }),
    now: microseconds,
  })
  const timer = setInterval(limiter.sweep, limiter.sweepEveryMs).unref()
  return {
    ...limiter,
    close() {
      clearInterval(timer)
      return limiter.close()
    },
  }
}

/** A limit of what is in flight, by leases that end with their holder. */
export const createConcurrencyLimiter = (options: Omit<ConcurrencyOptions, 'now'>): ConcurrencyLimiter =>
  concurrencyLimiter({ ...options, now: microseconds })

/** The same with its leases in Redis, Redis Cluster or Valkey, for all servers of an application. */
export const createRedisConcurrencyLimiter = (
  options: Omit<RedisConcurrencyOptions, 'now' | 'serverTime'>,
): RedisConcurrencyLimiter => redisConcurrencyLimiter({ ...options, now: microseconds })
