import { type Compiled, compile, PolicyError } from './compile.ts'
import { rational } from './cores/token-bucket.ts'
import type { Policy } from './policy.ts'

/** A much larger capacity is counted in larger units. */
const unitsOf = (capacity: number, tokens: number, perMs: number): string => {
  const { tick, price, drain } = rational({ capacity, tokens, perUs: perMs * 1_000 })
  return `${tick},${price},${drain}`
}

/** What gives the numbers of a policy's keys their meaning: its algorithm, its windows, its pace; all but the number that it allows. */
export const shapeOf = (policy: Policy): string => {
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

const differenceOf = (before: Policy, next: Policy): string =>
  before.algorithm === next.algorithm
    ? 'counts by another window, pace or unit'
    : `is a ${next.algorithm}, and counts as a ${before.algorithm} are there`

/** Compiles the policy that takes the place of `before` over the same counts. Throws PolicyError where these would mean something else. */
export const compileSuccessor = (limit: string, before: Policy, next: Policy): Compiled => {
  const compiled = compile(next)
  if (shapeOf(next) !== shapeOf(before))
    throw new PolicyError(
      `the new policy of limit '${limit}' ${differenceOf(before, next)}; it may differ in the number allowed, else it is a new limit`,
    )
  return compiled
}
