import { rational } from './limiter/cores/token-bucket.ts'
import type { Policy } from './limiter/policy.ts'

/** A much larger capacity is counted in larger units. */
const unitsOf = (capacity: number, tokens: number, perMs: number): string => {
  const { tick, price, drain } = rational({ capacity, tokens, perUs: perMs * 1_000 })
  return `${tick},${price},${drain}`
}

const shapeOf = (policy: Policy): string => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW':
    case 'COST_BASED': {
      const { algorithm, anchor = 'epoch', windowMs } = policy
      const windows = typeof anchor === 'object' ? `${anchor.unit},${anchor.timeZone}` : `${anchor},${windowMs}`
      return `${algorithm},${windows}`
    }
    case 'SLIDING_WINDOW':
      return `${policy.algorithm},${policy.windowMs},${policy.approximate ? 'approximate' : (policy.buckets ?? 20)}`
    case 'TOKEN_BUCKET': {
      const { algorithm, capacity, refill, mode = 'even' } = policy
      const { tokens, perMs } = refill
      return mode === 'even' ? `${algorithm},${unitsOf(capacity, tokens, perMs)}` : `${algorithm},${mode},${tokens},${perMs}`
    }
    case 'LEAKY_BUCKET': {
      const { algorithm, capacity, leak } = policy
      return `${algorithm},${unitsOf(capacity, leak.amount, leak.perMs)}`
    }
    default:
      throw policy satisfies never
  }
}

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
