import type { Tier } from '../catalog/index.ts'
import { atLevel } from './adaptation.ts'
import type { LimitTerms, Match, Override, RateLimit, Subject } from './limit.ts'
import { keyOf } from './limit-key.ts'
import type { Policy } from './limiter/policy.ts'
import { policyAt } from './reserved-share.ts'
import { holdsAt } from './timetable.ts'

/** A request before the limits. */
export interface Situation {
  readonly subject: Subject
  /** Of the tenant, where an override asks for it. */
  readonly tier: Tier | undefined
  /** Of the request; 0 unless told. */
  readonly priority: number
  /** Since the epoch. */
  readonly atMs: number
}

/** Whether a text fits a pattern, in which `*` is any text. Linear: each part is looked for once, leftmost first. */
export const fits = (pattern: string, text: string): boolean => {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === pattern
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  const end = text.length - last.length
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

const holds = (pattern: string | undefined, text: string | undefined): boolean =>
  pattern === undefined || (text !== undefined && fits(pattern, text))

export const matches = ({ tenantId, tier, user, endpoint, resource, schedule }: Match, situation: Situation): boolean => {
  const { subject } = situation
  return (
    (tenantId === undefined || tenantId === subject.tenantId) &&
    (tier === undefined || tier === situation.tier) &&
    holds(user, subject.userId) &&
    holds(endpoint, subject.endpoint) &&
    holds(resource, subject.resource) &&
    (schedule === undefined || holdsAt(schedule, situation.atMs))
  )
}

/** The characters that a pattern fixes. */
const literal = (pattern: string | undefined): number => pattern?.replaceAll('*', '').length ?? 0

/** One that names the tenant is nearer than one for its tier, and that than a pattern; of patterns, the one that fixes more; last, a schedule. */
const nearness = ({ tenantId, tier, user, endpoint, resource, schedule }: Match): readonly number[] => [
  tenantId === undefined ? 0 : 1,
  tier === undefined ? 0 : 1,
  literal(user) + literal(endpoint) + literal(resource),
  schedule === undefined ? 0 : 1,
]

/** The nearer first; 0: as near, so that the one listed first counts. */
export const byNearness = (a: Override, b: Override): number => {
  const [as, bs] = [nearness(a.match), nearness(b.match)]
  return as.map((value, i) => (bs[i] ?? 0) - value).find((difference) => difference !== 0) ?? 0
}

/** The overrides that match; of two as near, the earlier first. */
export const nearestFirst = ({ overrides }: LimitTerms, situation: Situation): readonly Override[] =>
  overrides.length === 0 ? overrides : overrides.filter(({ match }) => matches(match, situation)).sort(byNearness)

/** The policy that a subject is held to; null: it is not limited. The nearest override counts. */
export const policyFor = (terms: LimitTerms, situation: Situation, level: number | null): Policy | null => {
  const [nearest] = nearestFirst(terms, situation)
  if (nearest) return nearest.policy
  return level === null ? terms.policy : atLevel(terms.policy, level)
}

/** Whether the request is one of those that the limit's level is found by. */
export const followsLoad = ({ current }: RateLimit, situation: Situation): boolean =>
  current.adaptive !== null && nearestFirst(current, situation).length === 0

const fitsOne = (patterns: readonly string[], text: string | undefined): boolean =>
  patterns.length === 0 || patterns.some((pattern) => holds(pattern, text))

export const aboutEndpoint = ({ endpoints }: LimitTerms, { endpoint }: Subject): boolean => fitsOne(endpoints, endpoint)
export const aboutResource = ({ resources }: LimitTerms, { resource }: Subject): boolean => fitsOne(resources, resource)

export const needsTier = ({ overrides }: LimitTerms): boolean => overrides.some(({ match }) => match.tier !== undefined)

/** One limit as it stands before a subject. */
export interface Applicable {
  readonly limit: RateLimit
  /** As the request meets it: less what is reserved from it. */
  readonly policy: Policy
  readonly key: string
}

/** The higher priority first; then the older limit. */
export const byPriority = (a: RateLimit, b: RateLimit): number =>
  b.current.priority - a.current.priority || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** How a limit meets a subject; undefined: it does not. */
export const meet = (limit: RateLimit, situation: Situation): Applicable | undefined => {
  const { current } = limit
  const { subject, priority, atMs } = situation
  const counts =
    !limit.archivedAt && aboutEndpoint(current, subject) && aboutResource(current, subject) && holdsAt(current.schedule, atMs)
  const key = counts ? keyOf(current, subject) : undefined
  const policy = key === undefined ? null : policyFor(current, situation, limit.level)
  return key === undefined || policy === null ? undefined : { limit, policy: policyAt(policy, current.reserved, priority), key }
}
