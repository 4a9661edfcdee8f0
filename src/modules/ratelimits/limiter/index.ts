import { type MemoryLimiter, memoryLimiter } from './memory/limiter.ts'
import type { Policy } from './policy.ts'
import { hashSeed, microseconds } from './sources.ts'

export type { Ask, Decision, LimitDecision } from './decision.ts'
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
export type { ReservationState, Settlement } from './reservation.ts'

export interface LimiterOptions {
  readonly limits: Readonly<Record<string, Policy>>
  /** How many keys of one limit are held at most; a million unless told. */
  readonly maxKeys?: number
  /** How many reservations are remembered at most, each for a day beyond its time; a hundred thousand unless told. */
  readonly maxReservations?: number
  /** What a new key gets while the table is full of keys that are refused: `refuse` unless told. */
  readonly onOverflow?: 'refuse' | 'admit'
}

/**
 * A limiter in this process's memory. Throws PolicyError, with the number that is wrong.
 *
 *     const limiter = createLimiter({ limits: { api: { algorithm: 'TOKEN_BUCKET', capacity: 20, refill: { tokens: 10, perMs: 1_000 } } } })
 *     const { allowed, retryAfterMs } = limiter.tryAcquire('api', userId)
 */
export const createLimiter = (options: LimiterOptions): MemoryLimiter =>
  memoryLimiter({ ...options, now: microseconds, seed: hashSeed() })
