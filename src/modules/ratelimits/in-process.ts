import { type Counter, countersOf } from './counters.ts'
import type { CountAnswer, CountAsk, Limiter } from './counting.ts'
import { checkCost } from './limiter/decision.ts'

export interface InProcessOptions {
  /** Whole microseconds since the epoch; while it stands back, counts stand still. */
  readonly now: () => number
  /** Of the hash of keys. */
  readonly seed: number
  /** How many keys of one limit are held at most; a million unless told. */
  readonly maxKeys?: number
}

interface Looked {
  readonly ask: CountAsk
  readonly counter: Counter
  /** Where the key's numbers begin; -1: it has none and gets none. */
  readonly at: number
  readonly room: number
  readonly fits: boolean
  readonly overflow: boolean
}

const toMs = (us: number): number => Math.ceil(us / 1_000)
/** When to ask again while there is no room for a new key. */
const OVERFLOW_US = 1_000_000

/** Counts in this process. Nothing waits between the look at a request's limits and the taking of them. */
export const inProcessLimiter = ({ now, seed, maxKeys = 1_000_000 }: InProcessOptions): Limiter => {
  const counters = countersOf(seed, maxKeys)

  /** Only what may be taken gets a row. */
  const look = (ask: CountAsk, take: boolean, time: number): Looked => {
    const { key, cost, onUnavailable } = ask
    const counter = counters.of(ask, time)
    const { core, findOrAdd, rows } = counter.keys
    const adds = take && checkCost(cost) > 0 && cost <= core.limit
    const known = counters.find(ask, counter, time)
    const at = known < 0 && adds ? findOrAdd(key, time) : known
    const overflow = adds && at < 0
    const room = at < 0 ? core.limit : core.room(rows(), at, time)
    return { ask, counter, at, room, overflow, fits: overflow ? onUnavailable === 'open' : room >= cost }
  }

  /** `passes`: the whole request; what does not pass does not leave, and waits for nothing. */
  const answer = (looked: Looked, passes: boolean, take: boolean, time: number): CountAnswer => {
    const { ask, counter, at, room, fits, overflow } = looked
    const { keys } = counter
    const { core } = keys
    const taken = passes && take && at >= 0 && ask.cost > 0
    const shapes = ask.policy.algorithm === 'LEAKY_BUCKET' && ask.policy.mode === 'shaper'
    const delayUs = shapes && passes && ask.cost > 0 && at >= 0 ? core.reset(keys.rows(), at, time) : 0
    if (taken) core.take(keys.rows(), at, time, ask.cost)
    const wait = at < 0 ? (overflow ? OVERFLOW_US : Number.POSITIVE_INFINITY) : core.wait(keys.rows(), at, time, ask.cost)
    return {
      fits,
      remaining: Math.max(0, taken ? room - ask.cost : room),
      resetMs: at < 0 ? 0 : toMs(core.reset(keys.rows(), at, time)),
      retryAfterMs: fits ? 0 : toMs(wait),
      delayMs: toMs(delayUs),
      degraded: overflow,
    }
  }

  return {
    async decide(asks, { take }) {
      const time = now()
      const looked = asks.map((ask) => look(ask, take, time))
      const passes = looked.every(({ fits }) => fits)
      return looked.map((one) => answer(one, passes, take, time))
    },
    async reset(ask) {
      const time = now()
      const counter = counters.of(ask, time)
      if (counters.find(ask, counter, time) >= 0) counter.keys.remove(ask.key)
    },
  }
}
