import type { Tier } from '../catalog/index.ts'
import { aboutEndpoint, aboutResource, nearestFirst } from './applicable.ts'
import type { RateLimit, Subject } from './limit.ts'
import { keyOf, missingOf } from './limit-key.ts'
import type { Policy } from './limiter/policy.ts'

/** Why a limit counts a request, or does not. */
export const REASONS = [
  'applies',
  'archived',
  'other_endpoint',
  'other_resource',
  'subject_incomplete',
  'exempt_by_override',
] as const
export type Reason = (typeof REASONS)[number]

/** How one limit came to count a request, or not to. A version never changes, so that this can be read again when it is past. */
export interface LimitExplanation {
  readonly limitId: string
  readonly name: string
  readonly version: number
  readonly reason: Reason
  /** What the limit counts by and the request did not tell. */
  readonly missing: readonly string[]
  readonly key: string | null
  /** Places in `overrides` of those that match, the nearest first: it is the one that counts. */
  readonly overrides: readonly number[]
  /** Of the nearest override, else the limit's own; null: that override exempts. */
  readonly policy: Policy | null
}

export interface Explanation {
  /** null: the tenant has none, or no override asks for it. */
  readonly tier: Tier | null
  readonly limits: readonly LimitExplanation[]
}

/** As `meet` decides, step by step. */
const reasonOf = (limit: RateLimit, subject: Subject, policy: Policy | null): Reason => {
  const { current: terms, archivedAt } = limit
  if (archivedAt) return 'archived'
  if (!aboutEndpoint(terms, subject)) return 'other_endpoint'
  if (!aboutResource(terms, subject)) return 'other_resource'
  if (missingOf(terms, subject).length > 0) return 'subject_incomplete'
  return policy === null ? 'exempt_by_override' : 'applies'
}

export const explain = (limit: RateLimit, subject: Subject, tier: Tier | undefined): LimitExplanation => {
  const { current } = limit
  const matching = nearestFirst(current, subject, tier)
  const [nearest] = matching
  const policy = nearest ? nearest.policy : current.policy
  return {
    limitId: limit.id,
    name: current.name,
    version: current.version,
    reason: reasonOf(limit, subject, policy),
    missing: missingOf(current, subject),
    key: keyOf(current, subject) ?? null,
    overrides: matching.map((override) => current.overrides.indexOf(override)),
    policy,
  }
}
