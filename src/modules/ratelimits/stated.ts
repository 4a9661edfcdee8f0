import type { LimitTerms, Match, Override } from './limit.ts'
import type { Anchor, Policy } from './limiter/policy.ts'
import type { StatedLimitPolicy, StatedPolicy } from './policy-schema.ts'
import type { Reserve } from './reserved-share.ts'
import type { StatedOverride, StatedReserve } from './schema.ts'
import type { Schedule, Span, WeeklyHours } from './timetable.ts'
import type { StatedSpan } from './timetable-schema.ts'

/** How policies are written in requests and stored, and what they are inside: `policyFrom` and `statedFrom` are inverse. */

type StatedAnchor = Extract<StatedPolicy, { anchor?: unknown }>['anchor']

const anchorFrom = (anchor: NonNullable<StatedAnchor>): Anchor =>
  typeof anchor === 'string' ? anchor : { unit: anchor.unit, timeZone: anchor.time_zone }

const statedAnchor = (anchor: Anchor): NonNullable<StatedAnchor> =>
  typeof anchor === 'string' ? anchor : { unit: anchor.unit, time_zone: anchor.timeZone }

const windowsFrom = ({ window_ms, anchor }: { readonly window_ms?: number; readonly anchor?: StatedAnchor }) => ({
  ...(window_ms === undefined ? {} : { windowMs: window_ms }),
  ...(anchor === undefined ? {} : { anchor: anchorFrom(anchor) }),
})

const statedWindows = ({ windowMs, anchor }: { readonly windowMs?: number; readonly anchor?: Anchor }) => ({
  ...(windowMs === undefined ? {} : { window_ms: windowMs }),
  ...(anchor === undefined ? {} : { anchor: statedAnchor(anchor) }),
})

const policyFrom = (stated: StatedPolicy): Policy => {
  switch (stated.algorithm) {
    case 'FIXED_WINDOW': {
      const { algorithm, limit } = stated
      return { algorithm, limit, ...windowsFrom(stated) }
    }
    case 'COST_BASED': {
      const { algorithm, limit } = stated
      return { algorithm, limit, ...windowsFrom(stated) }
    }
    case 'SLIDING_WINDOW': {
      const { window_ms, ...rest } = stated
      return { ...rest, windowMs: window_ms }
    }
    case 'TOKEN_BUCKET':
      return { ...stated, refill: { tokens: stated.refill.tokens, perMs: stated.refill.per_ms } }
    case 'LEAKY_BUCKET':
      return { ...stated, leak: { amount: stated.leak.amount, perMs: stated.leak.per_ms } }
    default:
      throw stated satisfies never
  }
}

export const statedFrom = (policy: Policy): StatedPolicy => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW': {
      const { algorithm, limit } = policy
      return { algorithm, limit, ...statedWindows(policy) }
    }
    case 'COST_BASED': {
      const { algorithm, limit } = policy
      return { algorithm, limit, ...statedWindows(policy) }
    }
    case 'SLIDING_WINDOW': {
      const { windowMs, ...rest } = policy
      return { ...rest, window_ms: windowMs }
    }
    case 'TOKEN_BUCKET':
      return { ...policy, refill: { tokens: policy.refill.tokens, per_ms: policy.refill.perMs } }
    case 'LEAKY_BUCKET':
      return { ...policy, leak: { amount: policy.leak.amount, per_ms: policy.leak.perMs } }
    default:
      throw policy satisfies never
  }
}

export const limitPolicyFrom = (stated: StatedLimitPolicy): Pick<LimitTerms, 'policy' | 'adaptive'> => {
  if (stated.algorithm !== 'ADAPTIVE') return { policy: policyFrom(stated), adaptive: null }
  const { base, minimum, maximum, adjustment_factor, cooldown_ms, timeout_ms, easy_ms, over } = stated
  return {
    policy: policyFrom({ ...over, limit: base }),
    adaptive: {
      minimum,
      maximum,
      ...(adjustment_factor === undefined ? {} : { adjustmentFactor: adjustment_factor }),
      ...(cooldown_ms === undefined ? {} : { cooldownMs: cooldown_ms }),
      ...(timeout_ms === undefined ? {} : { timeoutMs: timeout_ms }),
      ...(easy_ms === undefined ? {} : { easyMs: easy_ms }),
    },
  }
}

const statedLimitPolicy = ({ policy, adaptive }: Pick<LimitTerms, 'policy' | 'adaptive'>): StatedLimitPolicy => {
  const stated = statedFrom(policy)
  if (!adaptive || (stated.algorithm !== 'FIXED_WINDOW' && stated.algorithm !== 'SLIDING_WINDOW')) return stated
  const { limit: base, ...over } = stated
  const { minimum, maximum, adjustmentFactor, cooldownMs, timeoutMs, easyMs } = adaptive
  return {
    algorithm: 'ADAPTIVE',
    base,
    minimum,
    maximum,
    ...(adjustmentFactor === undefined ? {} : { adjustment_factor: adjustmentFactor }),
    ...(cooldownMs === undefined ? {} : { cooldown_ms: cooldownMs }),
    ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
    ...(easyMs === undefined ? {} : { easy_ms: easyMs }),
    over,
  }
}

const spanFrom = ({ starts_at, ends_at, hours }: StatedSpan): Span => {
  const { time_zone, ...times } = hours ?? {}
  return {
    ...(starts_at === undefined ? {} : { startsAt: Temporal.Instant.from(starts_at) }),
    ...(ends_at === undefined ? {} : { endsAt: Temporal.Instant.from(ends_at) }),
    ...(time_zone === undefined ? {} : { hours: { ...times, timeZone: time_zone } }),
  }
}

const statedSpan = ({ startsAt, endsAt, hours }: Span): StatedSpan => ({
  ...(startsAt ? { starts_at: startsAt.toString() } : {}),
  ...(endsAt ? { ends_at: endsAt.toString() } : {}),
  ...(hours ? { hours: statedHours(hours) } : {}),
})

const statedHours = ({ timeZone, days, from, to }: WeeklyHours): NonNullable<StatedSpan['hours']> => ({
  time_zone: timeZone,
  ...(days === undefined ? {} : { days: [...days] }),
  ...(from === undefined ? {} : { from }),
  ...(to === undefined ? {} : { to }),
})

export const scheduleFrom = (stated: readonly StatedSpan[]): Schedule => stated.map(spanFrom)

export const reserveFrom = ({ min_priority, percent }: StatedReserve): Reserve => ({ minPriority: min_priority, percent })

const statedMatch = ({ tenantId, tier, user, endpoint, resource, schedule }: Match): StatedOverride['match'] => ({
  ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
  ...(tier === undefined ? {} : { tier }),
  ...(user === undefined ? {} : { user_id: user }),
  ...(endpoint === undefined ? {} : { endpoint }),
  ...(resource === undefined ? {} : { resource }),
  ...(schedule === undefined ? {} : { schedule: schedule.map(statedSpan) }),
})

export const overrideFrom = ({ match, policy }: StatedOverride): Override => ({
  match: {
    tenantId: match.tenant_id,
    tier: match.tier,
    user: match.user_id,
    endpoint: match.endpoint,
    resource: match.resource,
    schedule: match.schedule && scheduleFrom(match.schedule),
  },
  policy: policy && policyFrom(policy),
})

const statedOverride = ({ match, policy }: Override): StatedOverride => ({
  match: statedMatch(match),
  policy: policy && statedFrom(policy),
})

/** The terms as they are stored and answered, but for the limit's own times. */
export const statedTerms = (terms: LimitTerms) => ({
  name: terms.name,
  scopes: [...terms.scopes],
  policy: statedLimitPolicy(terms),
  overrides: terms.overrides.map(statedOverride),
  endpoints: [...terms.endpoints],
  resources: [...terms.resources],
  schedule: terms.schedule.map(statedSpan),
  reserved: terms.reserved.map(({ minPriority, percent }) => ({ min_priority: minPriority, percent })),
  priority: terms.priority,
  mode: terms.mode,
  on_unavailable: terms.onUnavailable,
  leased: terms.leased,
})
