import type { Tier } from '../catalog/index.ts'
import { aboutEndpoint, aboutResource, nearestFirst, policyFor, type Situation } from './applicable.ts'
import type { Mode, RateLimit } from './limit.ts'
import { keyOf, missingOf } from './limit-key.ts'
import type { Policy } from './limiter/policy.ts'
import { keptFrom } from './reserved-share.ts'
import { holdsAt } from './timetable.ts'

/** Why a limit counts a request, or does not. */
export const REASONS = [
  'applies',
  'archived',
  'other_endpoint',
  'other_resource',
  'out_of_schedule',
  'subject_incomplete',
  'exempt_by_override',
] as const
export type Reason = (typeof REASONS)[number]

/** How one limit came to count a request, or not to. A version never changes, so that this can be read again when it is past. */
export interface LimitExplanation {
  readonly limitId: string
  readonly name: string
  readonly version: number
  readonly mode: Mode
  /** From when to when the version was in force; null: it is. */
  readonly since: Temporal.Instant
  readonly until: Temporal.Instant | null
  readonly reason: Reason
  /** What the limit counts by and the request did not tell. */
  readonly missing: readonly string[]
  readonly key: string | null
  /** Places in `overrides` of those that match, the nearest first: it is the one that counts. */
  readonly overrides: readonly number[]
  /** Of the nearest override, else the limit's own; null: that override exempts. */
  readonly policy: Policy | null
  /** What of it is kept from a request of this priority. */
  readonly reserved: number
}

export interface Explanation {
  /** null: the tenant has none, or no override asks for it. */
  readonly tier: Tier | null
  readonly limits: readonly LimitExplanation[]
}

/** As `meet` decides, step by step. */
const reasonOf = (limit: RateLimit, { subject, atMs }: Situation, policy: Policy | null): Reason => {
  const { current: terms, archivedAt } = limit
  if (archivedAt) return 'archived'
  if (!aboutEndpoint(terms, subject)) return 'other_endpoint'
  if (!aboutResource(terms, subject)) return 'other_resource'
  if (!holdsAt(terms.schedule, atMs)) return 'out_of_schedule'
  if (missingOf(terms, subject).length > 0) return 'subject_incomplete'
  return policy === null ? 'exempt_by_override' : 'applies'
}

export const explain = (limit: RateLimit, situation: Situation): LimitExplanation => {
  const { current } = limit
  const { subject, priority } = situation
  const matching = nearestFirst(current, situation)
  const policy = policyFor(current, situation, limit.level)
  return {
    limitId: limit.id,
    name: current.name,
    version: current.version,
    mode: current.mode,
    since: current.createdAt,
    until: limit.archivedAt,
    reason: reasonOf(limit, situation, policy),
    missing: missingOf(current, subject),
    key: keyOf(current, subject) ?? null,
    overrides: matching.map((override) => current.overrides.indexOf(override)),
    policy,
    reserved: policy ? keptFrom(policy, current.reserved, priority) : 0,
  }
}
