import type { Policy } from './limiter/policy.ts'

/** A part of a limit that is kept for requests of some priority and higher ones. */
export interface Reserve {
  readonly minPriority: number
  /** Of the number that the policy allows; whole, 1 to 100. */
  readonly percent: number
}

/** A limit of money carries debt from window to window by its number, which another number would disturb. */
export type Reservable = Exclude<Policy, { algorithm: 'COST_BASED' }>

export const isReservable = (policy: Policy): policy is Reservable => policy.algorithm !== 'COST_BASED'

const numberOf = (policy: Reservable): number => ('limit' in policy ? policy.limit : policy.capacity)

const withNumber = (policy: Reservable, number: number): Policy =>
  'limit' in policy ? { ...policy, limit: number } : { ...policy, capacity: number }

/** Rounded up, so that what is promised is there; `n × percent` itself would not be exact. */
const shareOf = (n: number, percent: number): number => {
  const hundreds = Math.floor(n / 100)
  return hundreds * percent + Math.ceil(((n - hundreds * 100) * percent) / 100)
}

const percentAbove = (reserved: readonly Reserve[], priority: number): number =>
  reserved.reduce((sum, { minPriority, percent }) => (minPriority > priority ? sum + percent : sum), 0)

/** What is kept from a request of this priority, in the policy's own unit. */
export const keptFrom = (policy: Policy, reserved: readonly Reserve[], priority: number): number =>
  isReservable(policy) ? shareOf(numberOf(policy), percentAbove(reserved, priority)) : 0

const known = new WeakMap<Policy, Map<number, Policy>>()

/**
 * The policy as a request of this priority meets it: a smaller number over the same counts (`counterOf`), so that it is refused once what
 * remains is within the reserve, and takes no more than it costs. The same object each time, for what is compiled of it.
 */
export const policyAt = (policy: Policy, reserved: readonly Reserve[], priority: number): Policy => {
  const kept = keptFrom(policy, reserved, priority)
  if (kept === 0 || !isReservable(policy)) return policy
  const made = known.get(policy) ?? new Map<number, Policy>()
  known.set(policy, made)
  const before = made.get(kept)
  if (before) return before
  const reduced = withNumber(policy, numberOf(policy) - kept)
  made.set(kept, reduced)
  return reduced
}
