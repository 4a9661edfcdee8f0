import type { Policy } from '../policy.ts'
import type { QuotaPolicy } from './fields.ts'

/** A window that is no whole number of seconds stays unsaid: a rounded one would be a promise of another rate. */
const windowOf = (ms: number | undefined): Pick<QuotaPolicy, 'windowSeconds'> =>
  ms !== undefined && ms % 1_000 === 0 ? { windowSeconds: ms / 1_000 } : {}

/**
 * A limit as its clients are told of it. A bucket is told as its capacity over the time that fills it, which is its rate. Undefined for
 * COST_BASED: the draft's registry has no unit of money, and amounts do not fit its integers.
 */
export const quotaPolicy = (name: string, policy: Policy): QuotaPolicy | undefined => {
  switch (policy.algorithm) {
    case 'FIXED_WINDOW':
      // Days and months differ in length, so that a calendar's window has none.
      return { name, quota: policy.limit, ...(typeof policy.anchor === 'object' ? {} : windowOf(policy.windowMs)) }
    case 'SLIDING_WINDOW':
      return { name, quota: policy.limit, ...windowOf(policy.windowMs) }
    case 'TOKEN_BUCKET':
      return bucket(name, policy.capacity, policy.refill.tokens, policy.refill.perMs)
    case 'LEAKY_BUCKET':
      return bucket(name, policy.capacity, policy.leak.amount, policy.leak.perMs)
    case 'COST_BASED':
      return undefined
    default:
      throw policy satisfies never
  }
}

const bucket = (name: string, quota: number, amount: number, perMs: number): QuotaPolicy => {
  const fillMs = (quota * perMs) / amount
  return { name, quota, ...(fillMs > 0 ? windowOf(fillMs) : {}) }
}
