import type { Ask, Decision } from '../decision.ts'
import type { Policy } from '../policy.ts'
import type { RefusalKind } from './problem.ts'

/** What an adapter needs of a limiter: it answers at once, as one in memory, or later, as one in Redis; and it refuses by its answer. */
export type Limiter =
  | { tryAcquireAll(asks: readonly Ask[]): Decision | Promise<Decision> }
  | { acquire(asks: readonly Ask[]): Promise<Decision> }

export interface RateLimitOptions<Request> {
  readonly limiter: Limiter
  /**
   * The limits that clients are told of: those of the limiter, or the ones among them that are not the server's own affair. A policy that is
   * replaced here, as it is in the limiter by `setPolicy`, is told from then on.
   */
  readonly limits: Readonly<Record<string, Policy>>
  /** The limits that a request must pass, all or nothing; none: it passes. */
  readonly asks: (request: Request) => readonly Ask[]
  /** From 0 to below 1, for the jitter of Retry-After: Math.random in a server, seeded in a test. */
  readonly random: () => number
  /** Why a refusal is told to be one; unless told: quota-exceeded, or temporary-reduced-capacity without the shared store. */
  readonly kind?: (decision: Decision, request: Request) => RefusalKind
  /** How a request that a shaper admits waits; unless told by setTimeout. `gone`: its client has gone away, and it is not handled. */
  readonly sleep?: (ms: number, gone: AbortSignal) => Promise<void>
}
