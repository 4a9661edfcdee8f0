import type { Policy } from './limiter/policy.ts'

/**
 * Names the counts of a limit by what gives their numbers a meaning: the algorithm, its windows, its pace. Policies of one limit that differ
 * in the number allowed alone share counts, so that a changed number moves what remains and forgets nothing (gubernator: TestChangeLimit).
 */
export const counterOf = (limitId: string, policy: Policy): string => `${limitId}#${shapeOf(policy)}`

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
    case 'TOKEN_BUCKET':
      return `${policy.algorithm},${policy.refill.tokens},${policy.refill.perMs},${policy.mode ?? 'even'}`
    case 'LEAKY_BUCKET':
      return `${policy.algorithm},${policy.leak.amount},${policy.leak.perMs}`
    default:
      throw policy satisfies never
  }
}
