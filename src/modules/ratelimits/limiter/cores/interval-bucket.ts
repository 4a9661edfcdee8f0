import type { Core, Flow } from './core.ts'
import type { TokenBucket } from './token-bucket.ts'

/**
 * A bucket that is refilled at once, `tokens` every interval, counted from its first use. Row: the next refill's instant, what was taken.
 * Stamp: the refill from which on it flows off.
 */
export const intervalBucket = ({ capacity, tokens, perUs }: TokenBucket): Core => {
  const flow: Flow = {
    price: 1,
    flowed(rows, at, stamp) {
      const next = rows[at] as number
      return next === 0 ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor((next - stamp) / perUs)) * tokens
    },
    giveBack(rows, at, amount, stamp, of) {
      const flowed = flow.flowed(rows, at, stamp)
      const taken = rows[at + 1] as number
      const back = Math.min(taken, Math.max(0, of - flowed) - Math.max(0, of - amount - flowed))
      rows[at + 1] = taken - back
      return back
    },
    later: (stamp, amount) => stamp + Math.floor(amount / tokens) * perUs,
    sooner(rows, at, stamp, units) {
      const next = rows[at] as number
      return stamp < next ? stamp : Math.max(next, stamp - Math.ceil(units / tokens) * perUs)
    },
  }
  return {
    flow,
    width: 2,
    limit: capacity,
    fades: true,
    advance(rows, at, now) {
      const next = rows[at] as number
      if (next === 0 || now < next) return
      const refills = 1 + Math.floor((now - next) / perUs)
      const taken = Math.max(0, (rows[at + 1] as number) - refills * tokens)
      rows[at] = taken === 0 ? 0 : next + refills * perUs
      rows[at + 1] = taken
    },
    room: (rows, at) => capacity - (rows[at + 1] as number),
    take(rows, at, now, amount) {
      if (amount > 0 && rows[at] === 0) rows[at] = now + perUs
      rows[at + 1] = (rows[at + 1] as number) + amount
    },
    stamp: (rows, at, _now, amount) => (rows[at] as number) + Math.floor(((rows[at + 1] as number) - amount) / tokens) * perUs,
    counts: (rows, at, amount, stamp) => flow.flowed(rows, at, stamp) < amount,
    giveBack(rows, at, _now, amount, stamp) {
      flow.giveBack(rows, at, amount, stamp, amount)
    },
    wait(rows, at, now, amount) {
      if (amount > capacity) return Number.POSITIVE_INFINITY
      const over = (rows[at + 1] as number) + amount - capacity
      return over <= 0 ? 0 : (rows[at] as number) + (Math.ceil(over / tokens) - 1) * perUs - now
    },
    reset(rows, at, now) {
      const taken = rows[at + 1] as number
      return taken === 0 ? 0 : (rows[at] as number) + (Math.ceil(taken / tokens) - 1) * perUs - now
    },
  }
}
