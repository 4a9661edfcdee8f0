import { parseDecimal } from '../../lib/decimal.ts'
import { AppError, unprocessable } from '../../platform/errors.ts'
import { checkTimeZone } from '../tenants/index.ts'
import { isMovable } from './adaptation.ts'
import { countsMoney } from './cost.ts'
import { counterOf } from './counter.ts'
import { leaseRuleOf } from './leased-limits.ts'
import type { LimitTerms } from './limit.ts'
import { settled } from './limiter/adaptive/adaptive-policy.ts'
import { compile } from './limiter/compile.ts'
import type { Policy } from './limiter/policy.ts'
import { isReservable, policyAt, type Reserve } from './reserved-share.ts'
import { statedTerms } from './stated.ts'
import { holdsAlways, type Schedule, spanFault } from './timetable.ts'

/** The names that the limiter has for fields, as the API writes them. */
const inApiTerms = (message: string): string =>
  message
    .replaceAll('windowMs', 'window_ms')
    .replaceAll('perMs', 'per_ms')
    .replaceAll('adjustmentFactor', 'adjustment_factor')
    .replaceAll('timeoutMs', 'timeout_ms')
    .replaceAll('easyMs', 'easy_ms')

const policyFault = (where: string, error: unknown): unknown => {
  if (error instanceof AppError) return error
  return error instanceof RangeError ? unprocessable('policy_invalid', `${where}: ${inApiTerms(error.message)}`) : error
}

/** Throws 422 `policy_invalid`, which says what number is wrong and what it may be, or `time_zone_unknown`. */
const checkPolicy = (policy: Policy, where: string): void => {
  try {
    if ('anchor' in policy && typeof policy.anchor === 'object') {
      checkTimeZone(policy.anchor.timeZone)
      if (policy.windowMs !== undefined)
        throw new RangeError(`windowMs is ${policy.windowMs} beside a calendar's ${policy.anchor.unit}; leave out one of them`)
    }
    compile(policy)
    // Whoever is asked for it tells its number as money is told everywhere.
    if (policy.algorithm === 'COST_BASED') parseDecimal(policy.limit)
  } catch (error) {
    throw policyFault(where, error)
  }
}

/** Throws 422 `policy_invalid`. */
const checkAdaptation = ({ adaptive, policy }: LimitTerms): void => {
  if (!adaptive || !isMovable(policy)) return
  try {
    settled({ ...adaptive, base: policy.limit })
  } catch (error) {
    throw policyFault('policy', error)
  }
}

/** Throws 422 `schedule_invalid`, `time_zone_unknown`. */
const checkSchedule = (schedule: Schedule, where: string): void => {
  for (const [at, span] of schedule.entries()) {
    if (span.hours) checkTimeZone(span.hours.timeZone)
    const fault = spanFault(span)
    if (fault) throw unprocessable('schedule_invalid', `${where}.${at} ${fault}`)
  }
  if (schedule.length > 0 && holdsAlways(schedule))
    throw unprocessable(
      'schedule_invalid',
      `${where} holds at all times, its spans together; leave it out, or say which times it is not for`,
    )
}

/** Throws 422 `reserved_invalid`. */
const checkReserved = (reserved: readonly Reserve[], policy: Policy, where: string): void => {
  if (reserved.length === 0) return
  const whole = reserved.reduce((sum, { percent }) => sum + percent, 0)
  if (whole > 100) throw unprocessable('reserved_invalid', `reserved comes to ${whole} percent; there are 100`)
  if (!isReservable(policy)) throw unprocessable('reserved_invalid', `${where} counts money, of which nothing can be reserved`)
  if (counterOf('', policyAt(policy, reserved, Number.NEGATIVE_INFINITY)) !== counterOf('', policy))
    throw unprocessable('reserved_invalid', `${where} is too large at its pace to be counted in parts; a rounder refill can be`)
}

const leaseFault = (what: string) => unprocessable('lease_invalid', `leased: ${what}`)

/** What a block was taken for must hold for whoever it is served to. Throws 422 `lease_invalid`. */
const checkLeased = ({ leased, policy, adaptive, reserved, overrides }: LimitTerms): void => {
  if (!leased) return
  if (adaptive) throw leaseFault('an ADAPTIVE policy cannot be leased: its number moves while blocks are out')
  if (reserved.length > 0) throw leaseFault('what is reserved cannot be leased: a block is served to whoever comes first')
  const own = overrides.findIndex((override) => override.policy !== null)
  if (own >= 0) throw leaseFault(`overrides.${own} has a policy, and a block is of one policy; make it a limit of its own`)
  try {
    leaseRuleOf(policy)
  } catch (error) {
    throw error instanceof RangeError ? leaseFault(inApiTerms(error.message)) : error
  }
}

const overrideFault = (at: number, what: string) => unprocessable('override_invalid', `overrides.${at} ${what}`)

/** The same terms, if they make sense. Throws 422: one of those, or `scopes_contradict`, `override_invalid`, `lease_invalid`. */
export const checkTerms = (terms: LimitTerms): LimitTerms => {
  if (terms.scopes.includes('GLOBAL') && terms.scopes.length > 1)
    throw unprocessable('scopes_contradict', 'GLOBAL counts all together and stands alone; leave it out, or the others')
  checkPolicy(terms.policy, 'policy')
  checkAdaptation(terms)
  checkReserved(terms.reserved, terms.policy, 'policy')
  checkSchedule(terms.schedule, 'schedule')
  for (const [at, { match, policy }] of terms.overrides.entries()) {
    if (Object.values(match).every((value) => value === undefined))
      throw overrideFault(at, 'matches everything; say in match for whom it is, or change the policy')
    checkSchedule(match.schedule ?? [], `overrides.${at}.match.schedule`)
    if (!policy) continue
    checkPolicy(policy, `overrides.${at}.policy`)
    checkReserved(terms.reserved, policy, `overrides.${at}.policy`)
    if (countsMoney(policy) !== countsMoney(terms.policy))
      throw overrideFault(at, 'counts in another unit than the policy: money and counts cannot stand for each other')
  }
  checkLeased(terms)
  return terms
}

/** Whether a change changes anything. */
export const sameTerms = (a: LimitTerms, b: LimitTerms): boolean =>
  JSON.stringify(statedTerms(a)) === JSON.stringify(statedTerms(b))
