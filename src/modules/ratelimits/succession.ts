import { type Applicable, byNearness, matches, nearestFirst, needsTier, type Situation } from './applicable.ts'
import { counterOf, IDLE_HORIZONS } from './counter.ts'
import type { Former } from './counting.ts'
import { leaseRuleOf } from './leased-limits.ts'
import type { CountedLimit, LimitTerms, LimitVersion, Match } from './limit.ts'
import { isPerTenant, keyOf } from './limit-key.ts'
import { compile } from './limiter/compile.ts'
import type { Policy } from './limiter/policy.ts'

/** Of a version, one of the policies that requests of a key may be held to. */
interface Place {
  /** The override's match; two versions that have a place of one name mean the same requests by it. */
  readonly name: string
  readonly policy: Policy | null
}

/** The place of the limit's own policy. */
const OWN = ''
/** A change holds on every server after a second; requests that were under way then are over. */
const HEARD_MS = 2_000
const NONE: readonly never[] = []

/** A match as the requests of one key meet it. */
interface Reading {
  readonly name: string
  /** What of it is so, or is not, for all of them. */
  readonly common: Match
  /** Nothing of it hangs on the request. */
  readonly isCommon: boolean
}

const conditions = (match: Match): number => Object.values(match).filter((value) => value !== undefined).length

/** A policy's counter among servers that count together. */
const sharedCounterOf = (id: string, policy: Policy, { leased }: LimitTerms): string =>
  counterOf(id, leased ? leaseRuleOf(policy).counted : policy)

const readings = new WeakMap<Match, Reading>()
/** A tier is taken for the tenant's for good. */
const readingOf = ({ scopes }: LimitTerms, match: Match): Reading => {
  const known = readings.get(match)
  if (known) return known
  const { tenantId, tier, user, endpoint, resource, schedule } = match
  const common: Match = {
    ...(isPerTenant({ scopes }) && { tenantId, tier }),
    ...(scopes.includes('PER_USER') && { user }),
    ...(scopes.includes('PER_ENDPOINT') && { endpoint }),
    ...(scopes.includes('PER_RESOURCE') && { resource }),
  }
  const name = JSON.stringify([tenantId, tier, user, endpoint, resource, schedule])
  const made = { name, common, isCommon: conditions(common) === conditions(match) }
  readings.set(match, made)
  return made
}

/** Where requests of this one's key may be counted: by its own policy last, unless an override holds for all of them. */
const placesOf = (terms: LimitTerms, situation: Situation): readonly Place[] => {
  const places: Place[] = []
  const mayHold = terms.overrides.filter(({ match }) => matches(readingOf(terms, match).common, situation))
  for (const { match, policy } of mayHold.sort(byNearness)) {
    const { name, isCommon } = readingOf(terms, match)
    places.push({ name, policy })
    if (isCommon) return places
  }
  return [...places, { name: OWN, policy: terms.policy }]
}

const placeOf = (terms: LimitTerms, situation: Situation): string => {
  const [nearest] = nearestFirst(terms, situation)
  return nearest ? readingOf(terms, nearest.match).name : OWN
}

const lasts = new WeakMap<LimitVersion, number>()
/** How long counts of a version may outlast it. */
const lastsMs = (version: LimitVersion): number => {
  const known = lasts.get(version)
  if (known !== undefined) return known
  const policies = [version.policy, ...version.overrides.flatMap(({ policy }) => policy ?? [])]
  const longest = Math.max(...policies.map((policy) => compile(policy).horizonUs))
  const made = (IDLE_HORIZONS * longest) / 1_000
  lasts.set(version, made)
  return made
}

/** Whether a check of this limit has to know the tenant's tier: an override, or one whose counts may go on, asks for it. */
export const needsTierOf = ({ current, past }: CountedLimit): boolean => needsTier(current) || past.some(needsTier)

/**
 * Which counts of earlier versions go on in the counter that this request meets. A counter that the key can still meet stays where it is. One
 * that it cannot goes with the policy that counted there: the limit's own to the limit's own, an override's to that of the override with the
 * same match; of several that shared it the limit's own comes first, then the farthest. Where none of them is left, it goes with the requests:
 * to the counter that those meet now which met it before.
 */
export const formerOf = (
  { id, current, past }: CountedLimit,
  situation: Situation,
  { key, policy }: Pick<Applicable, 'key' | 'policy'>,
): readonly Former[] => {
  if (past.length === 0) return NONE
  const places = new Set<string>()
  const [alone, shared] = [new Set<string>(), new Set<string>()]
  for (const place of placesOf(current, situation)) {
    places.add(place.name)
    if (!place.policy) continue
    alone.add(counterOf(id, place.policy))
    shared.add(sharedCounterOf(id, place.policy, current))
  }
  const met = placeOf(current, situation)
  const former: Former[] = []
  let replacedAt = current.createdAt
  for (const version of past) {
    const leftAtMs = replacedAt.epochMilliseconds + HEARD_MS
    replacedAt = version.createdAt
    if (situation.atMs >= leftAtMs + lastsMs(version) || keyOf(version, situation.subject) !== key) continue
    const counted = Map.groupBy(placesOf(version, situation).toReversed(), (place) => place.policy && counterOf(id, place.policy))
    for (const [counter, before] of counted) {
      const old = before[0]?.policy
      if (!old || counter === null) continue
      const sharedCounter = sharedCounterOf(id, old, version)
      const [goesAlone, goesShared] = [!alone.has(counter), !shared.has(sharedCounter)]
      if (!goesAlone && !goesShared) continue
      alone.add(counter)
      shared.add(sharedCounter)
      const heir = before.find(({ name }) => places.has(name))
      const goesHere = heir ? heir.name === met : before.some(({ name }) => name === placeOf(version, situation))
      if (goesHere && old.algorithm === policy.algorithm)
        former.push({
          counter,
          policy: old,
          leased: version.leased,
          goes: goesAlone ? (goesShared ? 'everywhere' : 'alone') : 'shared',
          isLeft: situation.atMs >= leftAtMs,
        })
    }
  }
  return former
}
