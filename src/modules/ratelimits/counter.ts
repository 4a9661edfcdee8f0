import { rational } from './limiter/cores/token-bucket.ts'
import type { Policy } from './limiter/policy.ts'

/**
 * Names the counts of a limit by what gives their numbers a meaning: the algorithm, its windows, its pace. Policies of one limit that differ
 * in the number allowed alone share counts, so that a changed number moves what remains and forgets nothing (gubernator: TestChangeLimit).
 */
export const counterOf = (limitId: string, policy: Policy): string => `${limitId}#${shapeOf(policy)}`

const known = new WeakMap<Policy, string>()

/** Asked for with every request, and the same for as long as a policy lives. */
const shapeOf = (policy: Policy): string => {
  const shape = known.get(policy) ?? shapeFrom(policy)
  known.set(policy, shape)
  return shape
}

/** Coarser ticks, which a large capacity may need, give a bucket's numbers another meaning. */
const tickOf = (capacity: number, tokens: number, perMs: number): string => {
  const { tick } = rational({ capacity, tokens, perUs: perMs * 1_000 })
  return tick === 1 ? '' : `,${tick}`
}

const shapeFrom = (policy: Policy): string => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW':
    case 'COST_BASED': {
      const { algorithm, anchor = 'epoch', windowMs } = policy
      const windows = typeof anchor === 'object' ? `${anchor.unit},${anchor.timeZone}` : `${anchor},${windowMs}`
      return `${algorithm},${windows}`
    }
    case 'SLIDING_WINDOW':
      return `${policy.algorithm},${policy.windowMs},${policy.approximate ? 'approximate' : (policy.buckets ?? 20)}`
    case 'TOKEN_BUCKET':
      return policy.mode === 'interval'
        ? `${policy.algorithm},${policy.refill.tokens},${policy.refill.perMs},interval`
        : `${policy.algorithm},${policy.refill.tokens},${policy.refill.perMs},even${tickOf(policy.capacity, policy.refill.tokens, policy.refill.perMs)}`
    case 'LEAKY_BUCKET':
      return `${policy.algorithm},${policy.leak.amount},${policy.leak.perMs}${tickOf(policy.capacity, policy.leak.amount, policy.leak.perMs)}`
    default:
      throw policy satisfies never
  }
}
