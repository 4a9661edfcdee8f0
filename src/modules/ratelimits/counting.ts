import type { OnUnavailable } from './limit.ts'
import type { Policy } from './limiter/policy.ts'

/** Counts that a key has under an earlier version and that go on under the one that holds. */
export interface Former {
  readonly counter: string
  readonly policy: Policy
  /** Whether servers that count together leased it: then its counts there may be others than in a process that counts alone. */
  readonly leased: boolean
  /** Where it is still counted by under its own name, it stays. */
  readonly goes: 'everywhere' | 'alone' | 'shared'
  /** Since the epoch: every server has heard by then that nothing is counted there any more. */
  readonly leftAtMs: number
}

/** One limit that a request must pass, with the policy that holds now. */
export interface CountAsk {
  readonly limitId: string
  readonly version: number
  /** Whose counts: of `counterOf`. */
  readonly counter: string
  readonly policy: Policy
  readonly key: string
  /** Whole, in the policy's own unit; of money 10^-12 of the major unit. 0 only looks. */
  readonly cost: number
  readonly onUnavailable: OnUnavailable
  /** Whose counts of the same algorithm are moved to this counter: of `formerOf`. */
  readonly former: readonly Former[]
  /** Where servers count together, they may take what a key will use up front. */
  readonly leased: boolean
}

export interface CountAnswer {
  readonly fits: boolean
  /** What may still be taken at once, after this request. */
  readonly remaining: number
  /** Until the key is as if never used. */
  readonly resetMs: number
  /** Until this would fit; 0: it fits, Infinity: it never will. */
  readonly retryAfterMs: number
  readonly delayMs: number
  /** The counts could not be reached, or have no room: `onUnavailable` answered. */
  readonly degraded: boolean
}

export interface DecideOptions {
  readonly take: boolean
  /** Sooner than by its own deadline: what cannot be reached by then is answered by `onUnavailable`, whether or not it was taken. */
  readonly withinMs?: number | undefined
}

/**
 * Where a server's limits are counted: in its memory, or in what servers share. It never rejects in order to refuse, and what it cannot
 * reach it answers by `onUnavailable`.
 */
export interface Limiter {
  /** All fit and, with `take`, are taken, or nothing is. A counter stands once in `asks`; answers come in their order. */
  decide(asks: readonly CountAsk[], options: DecideOptions): Promise<readonly CountAnswer[]>
  /** Forgets a key: as if never used. */
  reset(ask: Omit<CountAsk, 'cost' | 'onUnavailable'>): Promise<void>
}
