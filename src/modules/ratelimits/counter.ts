import type { Policy } from './limiter/policy.ts'
import { shapeOf } from './limiter/shape.ts'

/** Many horizons unused, a counter holds nothing that is not over, but for debts of money that took as many windows. */
export const IDLE_HORIZONS = 8

const shapes = new WeakMap<Policy, string>()

/**
 * Names the counts of a limit by what gives their numbers a meaning: the algorithm, its windows, its pace. Policies of one limit that differ
 * in the number allowed alone share counts, so that a changed number moves what remains and forgets nothing (gubernator: TestChangeLimit).
 */
export const counterOf = (limitId: string, policy: Policy): string => {
  const known = shapes.get(policy)
  if (known !== undefined) return `${limitId}#${known}`
  const shape = shapeOf(policy)
  shapes.set(policy, shape)
  return `${limitId}#${shape}`
}

/** The counter of the same name for another policy. */
export const counterLike = (counter: string, policy: Policy): string => counterOf(counter.slice(0, counter.indexOf('#')), policy)
