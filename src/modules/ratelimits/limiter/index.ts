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
export type { Demand, Observation, ProviderSignal } from './adaptive/observation.ts'
export { type ProviderHeaders, type ProviderSignalOptions, providerSignal } from './adaptive/provider-signal.ts'
export type { Bounds, Sample } from './adaptive/sample.ts'
export { type Vegas, type VegasState, vegas, vegasStart } from './adaptive/vegas.ts'
export { PolicyError } from './compile.ts'
export type { InFlightAsk } from './concurrency/in-flight.ts'
export type { ConcurrencyLimiter, LeaseOf } from './concurrency/memory.ts'
export type { RedisConcurrencyLimiter } from './concurrency/redis.ts'
export type { Ask, Decision, LimitDecision } from './decision.ts'
export { type HitStatistics, hitStatistics } from './hit-statistics.ts'
export { type ExpressRateLimit, expressRateLimit } from './http/express.ts'
export { type FastifyRateLimit, fastifyRateLimit } from './http/fastify.ts'
export { type HonoRateLimit, honoRateLimit } from './http/hono.ts'
export type { Limiter, RateLimitOptions } from './http/options.ts'
export type { RefusalKind } from './http/problem.ts'
export { impliedEstimate } from './implied-estimate.ts'
export { ipKey } from './ip-key.ts'
export type { LeasedLimiter } from './leases/limiter.ts'
export type { MemoryLimiter, OnOverflow } from './memory/limiter.ts'
export type {
  Anchor,
  CostPolicy,
  FixedWindowPolicy,
  LeakyBucketPolicy,
  Policy,
  SlidingWindowPolicy,
  TokenBucketPolicy,
} from './policy.ts'
export type { RedisClient } from './redis/client.ts'
export type { OnFailure } from './redis/fallback.ts'
export { LimiterUnavailable, type RedisLimiter } from './redis/limiter.ts'
export type { ReservationState, Settlement } from './reservation.ts'

export type CreateLimiterOptions = Omit<MemoryLimiterOptions, 'now' | 'seed'>

/**
 * A limiter in this process's memory. Throws PolicyError, with the number that is wrong.
 *
 *     const limiter = createLimiter({ limits: { api: { algorithm: 'TOKEN_BUCKET', capacity: 20, refill: { tokens: 10, perMs: 1_000 } } } })
 *     const { allowed, retryAfterMs } = limiter.tryAcquire('api', userId)
 */
export const createLimiter = (options: CreateLimiterOptions): MemoryLimiter =>
  memoryLimiter({ ...options, now: microseconds, seed: hashSeed() })

export type CreateRedisLimiterOptions = Omit<RedisLimiterOptions, 'now' | 'seed' | 'serverTime'>

/** A limiter whose counts are in Redis, Redis Cluster or Valkey, over a client of ioredis or one of its shape. Throws PolicyError. */
export const createRedisLimiter = (options: CreateRedisLimiterOptions): RedisLimiter =>
  redisLimiter({ ...options, now: microseconds, seed: hashSeed() })

export interface LeasedRedisLimiterOptions extends CreateRedisLimiterOptions {
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

export type CreateConcurrencyLimiterOptions = Omit<ConcurrencyOptions, 'now'>

/** A limit of what is in flight, by leases that end with their holder. */
export const createConcurrencyLimiter = (options: CreateConcurrencyLimiterOptions): ConcurrencyLimiter =>
  concurrencyLimiter({ ...options, now: microseconds })

export type CreateRedisConcurrencyLimiterOptions = Omit<RedisConcurrencyOptions, 'now' | 'serverTime' | 'seed'>

/** The same with its leases in Redis, Redis Cluster or Valkey, for all servers of an application. */
export const createRedisConcurrencyLimiter = (options: CreateRedisConcurrencyLimiterOptions): RedisConcurrencyLimiter =>
  redisConcurrencyLimiter({ ...options, now: microseconds, seed: hashSeed() })
