import { countersOf } from './counters.ts'
import type { CountAsk, Limiter } from './counting.ts'
import { checkCost } from './limiter/decision.ts'
import { conclude, needsPlace, type Weighed, weigh } from './limiter/memory/one-limit.ts'
import { isShaper } from './limiter/policy.ts'

export interface InProcessOptions {
  /** Whole microseconds since the epoch; while it stands back, counts stand still. */
  readonly now: () => number
  /** Of the hash of keys. */
  readonly seed: number
  /** How many keys of one limit are held at most; a million unless told. */
  readonly maxKeys?: number
}

/** Counts in this process. Nothing waits between the look at a request's limits and the taking of them. */
export const inProcessLimiter = ({ now, seed, maxKeys = 1_000_000 }: InProcessOptions): Limiter => {
  const counters = countersOf(seed, maxKeys)

  const look = (ask: CountAsk, take: boolean, time: number): Weighed => {
    const { limitId, policy, key, onUnavailable } = ask
    const cost = checkCost(ask.cost)
    const counter = counters.of(ask, time)
    const { keys } = counter
    const known = counters.find(ask, counter, time)
    const at = known < 0 && take && needsPlace(keys.core, cost) ? keys.findOrAdd(key, time) : known
    const limit = { name: limitId, keys, shapes: isShaper(policy) }
    return weigh(limit, at, cost, time, !take || onUnavailable === 'open')
  }

  return {
    async decide(asks, { take }) {
      const time = now()
      const weighed = asks.map((ask) => look(ask, take, time))
      const passes = weighed.every(({ fits }) => fits)
      return weighed.map((one) => {
        const { allowed: fits, remaining, resetMs, retryAfterMs, delayMs } = conclude(one, time, passes, take)
        return { fits, remaining, resetMs, retryAfterMs, delayMs, degraded: take && one.unplaced }
      })
    },
    async reset(ask) {
      const time = now()
      const counter = counters.of(ask, time)
      if (counters.find(ask, counter, time) >= 0) counter.keys.remove(ask.key)
    },
  }
}
