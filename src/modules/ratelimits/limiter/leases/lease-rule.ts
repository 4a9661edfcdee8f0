import { compile, PolicyError } from '../compile.ts'
import { rational } from '../cores/token-bucket.ts'
import type { Policy } from '../policy.ts'

/** Tokens that Redis has counted and this server has not served yet. Instants are this server's, in whole microseconds. */
export interface Block {
  tokens: number
  /** When they were asked for, which is before Redis took them. */
  readonly bornUs: number
  /** They are served before this instant only. */
  readonly endUs: number
}

/** How one limit is leased. What is served late still never exceeds the limit: README.md says why. */
export interface LeaseRule {
  /** What Redis counts by: the policy, tightened by what a block may be late. */
  readonly counted: Policy
  /** The most tokens of a key that a server holds, those included that it lost and that still count. */
  readonly most: number
  /** A block is as large as what a key is expected to use in this time. */
  readonly targetUs: number
  readonly idleUs: number
  /** The end of a block that was asked for at `bornUs`, by the answer's `resetMs`. */
  endOf(bornUs: number, resetMs: number): number
  /** Whether a block is to go back, of a key that was used last at `usedUs`. */
  isDue(block: Block, usedUs: number, now: number): boolean
  /** How much of a block may be given back, so that nobody else's count is lessened. */
  creditOf(block: Block, now: number): number
  /** Until when tokens of a block count that were neither served nor given back. */
  lostUntil(block: Block, now: number): number
  /** As `lostUntil`, of tokens that Redis may have taken and whose answer nobody heard. */
  unheardUntil(now: number): number
}

const [LEAST_SHARE, MOST_SHARE] = [0.001, 0.1]
/** No block is meant to last longer. */
const LONGEST_US = 10_000_000
/** What a give-back may take until it is executed. */
const LATE_US = 1_000_000
/** Below this the second that a give-back may take is more than a tenth of the window. */
const SHORTEST_SLIDING_MS = 10_000
/** A shorter life is not much more than a round trip. */
const SHORTEST_LIFE_US = 10_000

const mostOf = (limit: number, share: number): number => {
  if (!(share >= LEAST_SHARE && share <= MOST_SHARE))
    throw new PolicyError(`a lease's share is ${share}; it must be from ${LEAST_SHARE} to ${MOST_SHARE} of the limit`)
  const most = Math.floor(limit * share)
  if (most < 2)
    throw new PolicyError(`a lease of ${share} of ${limit} is less than two tokens; a larger limit or share can be leased`)
  return most
}

const refuse = (what: string): never => {
  throw new PolicyError(
    `${what} cannot be leased; what can are fixed windows, exact sliding windows, even token buckets and leaky meters`,
  )
}

/** Blocks end with the window that they were taken in, and are meant to last for a tenth of it. */
const fixed = (policy: Policy, limit: number, share: number): LeaseRule => {
  const { horizonUs } = compile(policy)
  const targetUs = Math.min(LONGEST_US, Math.floor(horizonUs / 10))
  return {
    counted: policy,
    most: mostOf(limit, share),
    targetUs,
    idleUs: targetUs,
    // The answer's milliseconds are rounded up.
    endOf: (bornUs, resetMs) => bornUs + (resetMs - 1) * 1_000,
    isDue: (_block, usedUs, now) => now - usedUs >= targetUs,
    creditOf: ({ tokens, endUs }, now) => (now + LATE_US < endUs ? tokens : 0),
    lostUntil: ({ endUs }) => endUs + 1_000,
    // An eighth more: the horizon of a calendar's windows is their shortest, and a month of 31 days the one that exceeds it most.
    unheardUntil: (now) => now + Math.ceil((horizonUs * 9) / 8) + LATE_US,
  }
}

const aged = (lifeUs: number): Pick<LeaseRule, 'targetUs' | 'idleUs' | 'endOf' | 'isDue'> => ({
  targetUs: Math.floor(lifeUs / 2),
  idleUs: Math.floor(lifeUs / 4),
  endOf: (bornUs) => bornUs + lifeUs,
  isDue: ({ bornUs }, usedUs, now) => now - usedUs >= lifeUs / 4 || now - bornUs >= (lifeUs * 3) / 4,
})

/** Redis counts for longer than the window: by a block's life, and by what a give-back may be later than its take. */
const sliding = (policy: Extract<Policy, { algorithm: 'SLIDING_WINDOW' }>, share: number): LeaseRule => {
  if (policy.approximate) refuse('an approximate window')
  if (policy.windowMs < SHORTEST_SLIDING_MS)
    throw new PolicyError(`windowMs is ${policy.windowMs}; a leased sliding window is ${SHORTEST_SLIDING_MS} or longer`)
  const lifeUs = Math.min(LONGEST_US, Math.floor(policy.windowMs * 1_000 * share))
  const windowMs = policy.windowMs + Math.ceil((2 * lifeUs + LATE_US) / 1_000)
  // A window and a bucket, of which there are ten at least.
  const lostUs = windowMs * 1_100
  return {
    ...aged(lifeUs),
    counted: { ...policy, windowMs },
    most: mostOf(policy.limit, share),
    creditOf: ({ tokens, endUs }, now) => (now < endUs ? tokens : 0),
    lostUntil: (_block, now) => now + lostUs,
    unheardUntil: (now) => now + lostUs + LATE_US,
  }
}

/** Redis counts by a smaller capacity: by what refills in a block's life. */
const bucket = (
  capacity: number,
  tokens: number,
  perMs: number,
  share: number,
  shrink: (capacity: number) => Policy,
): LeaseRule => {
  const perUs = perMs * 1_000
  const most = mostOf(capacity, share)
  const lifeUs = Math.min(LONGEST_US, Math.floor((most * perUs) / tokens))
  if (lifeUs < SHORTEST_LIFE_US)
    throw new PolicyError(
      `a lease of ${share} of ${capacity} is refilled within ${lifeUs} µs; a leased bucket takes ${SHORTEST_LIFE_US} or longer`,
    )
  const lostUs = Math.ceil((most * perUs) / tokens)
  const { tick } = rational({ capacity, tokens, perUs })
  const refilled = (us: number): number => (tokens * (us + tick)) / perUs
  return {
    ...aged(lifeUs),
    counted: shrink(capacity - Math.ceil(refilled(lifeUs))),
    most,
    // What has flowed off meanwhile is in the bucket already.
    creditOf: (block, now) => Math.max(0, Math.floor(block.tokens - refilled(now - block.bornUs + LATE_US))),
    lostUntil: (_block, now) => now + lostUs,
    unheardUntil: (now) => now + lostUs + LATE_US,
  }
}

/** Throws PolicyError for what cannot be leased without ever exceeding the limit. `share`: of the limit, in one block. */
export const leaseRule = (policy: Policy, share: number): LeaseRule => {
  compile(policy)
  switch (policy.algorithm) {
    case 'FIXED_WINDOW':
      return fixed(policy, policy.limit, share)
    case 'SLIDING_WINDOW':
      return sliding(policy, share)
    case 'TOKEN_BUCKET': {
      const { capacity, refill, mode } = policy
      if (mode === 'interval') refuse('a bucket that is refilled by intervals')
      return bucket(capacity, refill.tokens, refill.perMs, share, (less) => ({ ...policy, capacity: less }))
    }
    case 'LEAKY_BUCKET': {
      const { capacity, leak, mode } = policy
      if (mode === 'shaper') refuse('a shaper, whose delays only Redis knows,')
      return bucket(capacity, leak.amount, leak.perMs, share, (less) => ({ ...policy, capacity: less }))
    }
    case 'COST_BASED':
      return refuse('money')
    default:
      throw policy satisfies never
  }
}
