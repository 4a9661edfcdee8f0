import type { Tier } from '../catalog/index.ts'
import type { Adaptation } from './adaptation.ts'
import type { Policy } from './limiter/policy.ts'
import type { Reserve } from './reserved-share.ts'
import type { Schedule } from './timetable.ts'

/** What a limit counts apart: each value of these has a count of its own. GLOBAL, which stands alone, has one count for all. */
export const LIMIT_SCOPES = ['GLOBAL', 'PER_TENANT', 'PER_USER', 'PER_IP', 'PER_ENDPOINT', 'PER_RESOURCE'] as const
export type LimitScope = (typeof LIMIT_SCOPES)[number]

/** `shadow` refuses nothing and tells what it would have refused. */
export const MODES = ['enforce', 'shadow'] as const
export type Mode = (typeof MODES)[number]

/** What a limit says while its counts cannot be reached: everything passes, nothing does, or each server counts its fraction. */
export const ON_UNAVAILABLE = ['open', 'closed', 'local'] as const
export type OnUnavailable = (typeof ON_UNAVAILABLE)[number]

/** Who asks, from where and for what, as far as it is known. */
export interface Subject {
  readonly tenantId?: string | undefined
  readonly userId?: string | undefined
  readonly ip?: string | undefined
  /** As the asker names its endpoints: `POST /v1/chat`. */
  readonly endpoint?: string | undefined
  /** Anything else that is limited: a model, a queue, a document. */
  readonly resource?: string | undefined
}

/** Conditions, all of which must hold; in a pattern `*` is any text. One left out holds for every subject. */
export interface Match {
  readonly tenantId?: string | undefined
  readonly tier?: Tier | undefined
  readonly user?: string | undefined
  readonly endpoint?: string | undefined
  readonly resource?: string | undefined
  readonly schedule?: Schedule | undefined
}

/** Another policy for some subjects; null: they are not limited. */
export interface Override {
  readonly match: Match
  readonly policy: Policy | null
}

/** All of a limit that a change makes a new version of. */
export interface LimitTerms {
  readonly name: string
  readonly scopes: readonly LimitScope[]
  readonly policy: Policy
  /** How the policy's number follows the load; null: it does not. Overrides do not follow it. */
  readonly adaptive: Adaptation | null
  readonly overrides: readonly Override[]
  /** What the limit is about: patterns of endpoints and resources, one of which must fit; none: all. */
  readonly endpoints: readonly string[]
  readonly resources: readonly string[]
  /** When the limit holds. */
  readonly schedule: Schedule
  /** Shares that are kept for requests of a higher priority, under whichever policy holds. */
  readonly reserved: readonly Reserve[]
  /** The higher one is told first, and is the one that refused where several did. */
  readonly priority: number
  readonly mode: Mode
  readonly onUnavailable: OnUnavailable
  /** Whether servers take blocks of it up front and serve them from memory, where they count together. */
  readonly leased: boolean
}

export interface LimitVersion extends LimitTerms {
  readonly limitId: string
  /** Counts from 1. */
  readonly version: number
  readonly createdAt: Temporal.Instant
}

export interface RateLimit {
  readonly id: string
  readonly createdAt: Temporal.Instant
  readonly archivedAt: Temporal.Instant | null
  /** What holds now. */
  readonly current: LimitVersion
  /** Of an adaptive policy, the number that it has come to; null: its own. */
  readonly level: number | null
}

/** A limit as it is counted by. */
export interface CountedLimit extends RateLimit {
  /** What held before, the newest first, as far back as counts are taken over from. */
  readonly past: readonly LimitVersion[]
}
