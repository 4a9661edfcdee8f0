/** A limit that follows the load. Amounts are whole, in the limit's own unit per window. */
export interface AdaptivePolicy {
  /** What the limit begins with and returns to where nothing asks for more or less. */
  readonly base: number
  readonly minimum: number
  readonly maximum: number
  /** The largest share that one change moves: above 0 to MOST_FACTOR; 0.1 unless told. */
  readonly adjustmentFactor?: number
  /** Between two changes, so that the effect of the first is seen; 30,000 ms unless told. */
  readonly cooldownMs?: number
  /** A latency from here on is a timeout, however steady; none unless told. */
  readonly timeoutMs?: number
  /**
   * The latency of the system at ease; unless told, the first that is seen. Worth telling: a system that is overloaded when the limit begins
   * looks at ease to it, and then is known by its errors alone.
   */
  readonly easyMs?: number
}

export type Settled = Required<AdaptivePolicy>

/**
 * A step must be smaller than the band of block rates in which the limit rests: it reaches from 0.8 to 0.95 of the demand, a step down from
 * 0.95 × (1 − f) must land above 0.8 and a step up from 0.8 × (1 + f) below 0.95, so f is at most 0.157. A wider step could jump to and fro.
 */
const MOST_FACTOR = 0.15

const whole = (name: string, value: number, least: number): void => {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is ${value}; it must be a whole number from ${least}`)
}

/** The policy with its defaults. Throws RangeError, with the number that is wrong. */
export const settled = (policy: AdaptivePolicy): Settled => {
  const {
    base,
    minimum,
    maximum,
    adjustmentFactor = 0.1,
    cooldownMs = 30_000,
    timeoutMs = Number.POSITIVE_INFINITY,
    easyMs = 0,
  } = policy
  whole('minimum', minimum, 1)
  whole('base', base, minimum)
  whole('maximum', maximum, base)
  whole('cooldownMs', cooldownMs, 1)
  if (!(adjustmentFactor > 0 && adjustmentFactor <= MOST_FACTOR))
    throw new RangeError(`adjustmentFactor is ${adjustmentFactor}; it must be above 0 and at most ${MOST_FACTOR}`)
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs is ${timeoutMs}; it must be above 0`)
  if (policy.easyMs !== undefined && !(easyMs > 0 && easyMs < timeoutMs))
    throw new RangeError(`easyMs is ${easyMs}; it must be above 0 and below timeoutMs`)
  return { base, minimum, maximum, adjustmentFactor, cooldownMs, timeoutMs, easyMs }
}
