/** What one limit says of one request. */
export interface LimitDecision {
  readonly limit: string
  readonly allowed: boolean
  /** What may still be taken at once, after this request. */
  readonly remaining: number
  /** Until the key is as if never used. */
  readonly resetMs: number
  /** Until this request would fit; 0: it fits, Infinity: it never will. */
  readonly retryAfterMs: number
  /** Of a shaper: how long the admitted request is to wait. */
  readonly delayMs: number
}

/** What all limits of a request say: it is allowed when each allows it, and then has taken from each; refused, it has taken from none. */
export interface Decision {
  readonly allowed: boolean
  readonly limits: readonly LimitDecision[]
  /** The shared store did not answer in time: the limits answered by what they say of its failure. */
  readonly degraded?: true
}

/** One limit that a request must pass. */
export interface Ask {
  readonly limit: string
  readonly key: string
  /** In the limit's own unit; 1 unless told, 0 only looks. */
  readonly cost?: number
}

/** Costs beyond this cannot be counted exactly. */
export const MAX_COST = 2 ** 52

/** Throws RangeError: a cost that is negative, fractional or too large is a mistake of the caller, not a reason to refuse. */
export const checkCost = (cost: number): number => {
  if (!Number.isInteger(cost) || cost < 0 || cost > MAX_COST)
    throw new RangeError(`a cost is ${cost}; it must be a whole number from 0 to 2^52; what was taken is given back by giveBack`)
  return cost
}

/** Throws RangeError: a caller without types may hand over what is no text, and all such keys would be one. */
export const checkKey = (limit: string, key: unknown): void => {
  if (typeof key !== 'string') throw new RangeError(`a key of limit '${limit}' is ${typeof key}, and must be text`)
}
