import type { CalendarUnit } from './cores/calendar.ts'

/** When a fixed window begins: with the epoch, with a key's first use, or with a unit of a time zone's calendar. */
export type Anchor = 'epoch' | 'first_use' | { readonly unit: CalendarUnit; readonly timeZone: string }

export interface FixedWindowPolicy {
  readonly algorithm: 'FIXED_WINDOW'
  readonly limit: number
  /** Not asked for where the calendar says it. */
  readonly windowMs?: number
  readonly anchor?: Anchor
}

export interface SlidingWindowPolicy {
  readonly algorithm: 'SLIDING_WINDOW'
  readonly limit: number
  readonly windowMs: number
  /** 10 to 60; 20 unless told. */
  readonly buckets?: number
  /** True: two counters in place of the ring. Smaller, and it may let nearly twice the limit through. */
  readonly approximate?: boolean
}

export interface TokenBucketPolicy {
  readonly algorithm: 'TOKEN_BUCKET'
  readonly capacity: number
  readonly refill: { readonly tokens: number; readonly perMs: number }
  /** Evenly unless told; `interval`: all at once, when the interval since the first use is over. */
  readonly mode?: 'even' | 'interval'
}

export interface LeakyBucketPolicy {
  readonly algorithm: 'LEAKY_BUCKET'
  readonly capacity: number
  readonly leak: { readonly amount: number; readonly perMs: number }
  /** `meter` refuses what overflows; `shaper` also tells how long an admitted request is to wait, so that they leave evenly. */
  readonly mode?: 'meter' | 'shaper'
}

export interface CostPolicy {
  readonly algorithm: 'COST_BASED'
  /** A decimal in the major unit with up to twelve digits after the point. Amounts are in 10^-12 of it. */
  readonly limit: string
  readonly windowMs?: number
  readonly anchor?: Anchor
}

export type Policy = FixedWindowPolicy | SlidingWindowPolicy | TokenBucketPolicy | LeakyBucketPolicy | CostPolicy

/** Whether what it admits is told to wait. */
export const isShaper = (policy: Policy): boolean => policy.algorithm === 'LEAKY_BUCKET' && policy.mode === 'shaper'
