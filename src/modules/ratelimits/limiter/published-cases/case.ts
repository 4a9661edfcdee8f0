import type { HitStatistics } from '../hit-statistics.ts'
import type { Policy } from '../policy.ts'

export interface Also {
  /** Milliseconds. */
  readonly reset?: number
  /** Milliseconds; -1: not refused, or never. */
  readonly retry?: number
  /** Of a shaper, in milliseconds. */
  readonly delay?: number
  /** How the step counts in statistics, where the last fifth of the limit is near it. */
  readonly hits?: HitStatistics
  /** What the limit is changed to before the step. */
  readonly policy?: Policy
}

/** Milliseconds, cost, allowed, remaining. A cost of 0 looks; a negative one is given back, and then looked at. */
export type Step = readonly [ms: number, cost: number, allowed: boolean, remaining: number, also?: Also]

export interface PublishedCase {
  readonly id: string
  /** The peer's test, code or issue that the figures come from. */
  readonly source: string
  readonly policy: Policy
  /** What was taken at the first step's time before it. */
  readonly before?: number
  /** What was taken in the window that runs and in the one before it. */
  readonly windows?: readonly [current: number, previous: number]
  /** What beyond asking the steps do. */
  readonly needs?: 'giving_back' | 'a_changed_limit'
  /** Why some figures are ours and not the peer's. */
  readonly differs?: string
  /** Which of them: the step's number and the figure's name, or the parameter's. All others are the peer's. */
  readonly differing?: readonly string[]
  readonly steps: readonly Step[]
}
