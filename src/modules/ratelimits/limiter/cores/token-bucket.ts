import type { Core, Flow } from './core.ts'

export interface TokenBucket {
  /** Tokens of a full bucket: the burst. */
  readonly capacity: number
  readonly tokens: number
  /** Refilled evenly, `tokens` every so many microseconds. */
  readonly perUs: number
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))

/** Coarser ticks are for refills that are odd to the microsecond over days: they only ever refill later, by less than a tick. */
const TICKS_US = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

/** A token costs `price` units of debt, and `drain` units flow off every tick: the emission interval as a rational, in whole numbers. */
export const rational = ({ capacity, tokens, perUs }: TokenBucket) => {
  for (const tick of TICKS_US) {
    const span = Math.ceil(perUs / tick)
    const common = gcd(span, tokens)
    const [price, drain] = [span / common, tokens / common]
    if ((capacity + 1) * price <= Number.MAX_SAFE_INTEGER && drain <= Number.MAX_SAFE_INTEGER / 2) return { tick, price, drain }
  }
  throw new RangeError(
    `capacity ${capacity} at ${tokens} per ${perUs} µs cannot be counted exactly; a smaller capacity or a rounder refill can`,
  )
}

/**
 * The generic cell rate algorithm (ITU-T I.371; the virtual scheduling of ATM), as a bucket that fills evenly: the debt of tokens taken
 * flows off at the refill's rate, and what fits under the capacity may be taken. Row: the tick of the last use, the debt in units.
 * Stamp: the tick from which on it flows off.
 */
export const tokenBucket = (bucket: TokenBucket): Core => {
  const { capacity } = bucket
  const { tick, price, drain } = rational(bucket)
  const full = capacity * price
  const ticksOff = (debt: number): number => Math.ceil(debt / drain)
  const flow: Flow = {
    price,
    flowed: (rows, at, stamp) => Math.max(0, (rows[at] as number) - stamp) * drain,
    giveBack(rows, at, amount, stamp, of) {
      const flowed = flow.flowed(rows, at, stamp)
      const debt = rows[at + 1] as number
      const back = Math.min(debt, Math.max(0, of * price - flowed) - Math.max(0, (of - amount) * price - flowed))
      rows[at + 1] = debt - back
      return back
    },
    later: (stamp, amount) => stamp + Math.floor((amount * price) / drain),
    sooner(rows, at, stamp, units) {
      const tickNow = rows[at] as number
      return stamp < tickNow ? stamp : Math.max(tickNow, stamp - ticksOff(units))
    },
  }
  return {
    flow,
    width: 2,
    limit: capacity,
    fades: true,
    advance(rows, at, now) {
      const ticks = Math.floor(now / tick)
      const last = rows[at] as number
      if (ticks <= last) return
      rows[at] = ticks
      // Beyond 2^53 the product is rounded, and is more than any debt all the same.
      rows[at + 1] = Math.max(0, (rows[at + 1] as number) - (ticks - last) * drain)
    },
    room: (rows, at) => Math.floor((full - (rows[at + 1] as number)) / price),
    take(rows, at, _now, amount) {
      rows[at + 1] = Math.min((rows[at + 1] as number) + amount * price, Number.MAX_SAFE_INTEGER)
    },
    stamp: (rows, at, _now, amount) => (rows[at] as number) + Math.floor(((rows[at + 1] as number) - amount * price) / drain),
    counts: (rows, at, amount, stamp) => flow.flowed(rows, at, stamp) < amount * price,
    giveBack(rows, at, _now, amount, stamp) {
      flow.giveBack(rows, at, amount, stamp, amount)
    },
    wait(rows, at, now, amount) {
      if (amount > capacity) return Number.POSITIVE_INFINITY
      const over = (rows[at + 1] as number) + amount * price - full
      return over <= 0 ? 0 : ((rows[at] as number) + ticksOff(over)) * tick - now
    },
    reset(rows, at, now) {
      const debt = rows[at + 1] as number
      return debt === 0 ? 0 : ((rows[at] as number) + ticksOff(debt)) * tick - now
    },
  }
}
