import type { CountAnswer, CountAsk, Limiter } from './counting.ts'
import { type Compiled, compile } from './limiter/compile.ts'
import type { Core } from './limiter/cores/core.ts'
import { checkCost } from './limiter/decision.ts'
import { type Keys, keysOf } from './limiter/memory/keys.ts'
import type { Policy } from './limiter/policy.ts'

export interface InProcessOptions {
  /** Whole microseconds since the epoch; while it stands back, counts stand still. */
  readonly now: () => number
  /** Of the hash of keys. */
  readonly seed: number
  /** How many keys of one limit are held at most; a million unless told. */
  readonly maxKeys?: number
}

/** The counts of one counter. Policies that share them differ in their number alone, so whichever asks lends its core. */
interface Counter {
  readonly keys: Keys
  lend(core: Core): void
  readonly horizonUs: number
  usedAt: number
}

/** A core that is whichever was lent last. */
const lent = (first: Core): { readonly core: Core; lend(core: Core): void } => {
  let now = first
  return {
    lend(core) {
      now = core
    },
    core: {
      width: first.width,
      get limit() {
        return now.limit
      },
      advance: (rows, at, time) => now.advance(rows, at, time),
      room: (rows, at, time) => now.room(rows, at, time),
      take: (rows, at, time, amount) => now.take(rows, at, time, amount),
      stamp: (rows, at, time) => now.stamp(rows, at, time),
      giveBack: (rows, at, time, amount, stamp) => now.giveBack(rows, at, time, amount, stamp),
      wait: (rows, at, time, amount) => now.wait(rows, at, time, amount),
      reset: (rows, at, time) => now.reset(rows, at, time),
    },
  }
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
/** Many horizons unused, a counter holds nothing that is not over, but for debts of money that took as many windows. */
const IDLE_HORIZONS = 8

/** Counts in this process. Nothing waits between the look at a request's limits and the taking of them. */
export const inProcessLimiter = ({ now, seed, maxKeys = 1_000_000 }: InProcessOptions): Limiter => {
  const counters = new Map<string, Counter>()
  const compiled = new WeakMap<Policy, Compiled>()

  const compiledOf = (policy: Policy): Compiled => {
    const known = compiled.get(policy)
    if (known) return known
    const made = compile(policy)
    compiled.set(policy, made)
    return made
  }

  const dropIdle = (time: number): void => {
    for (const [name, { usedAt, horizonUs }] of counters) if (usedAt + IDLE_HORIZONS * horizonUs < time) counters.delete(name)
  }

  const counterOf = ({ counter: name, policy }: Pick<CountAsk, 'counter' | 'policy'>, time: number): Counter => {
    const { core, horizonUs } = compiledOf(policy)
    const known = counters.get(name)
    if (known) {
      known.lend(core)
      known.usedAt = time
      return known
    }
    dropIdle(time)
    const live = lent(core)
    const keys = keysOf({ core: live.core, horizonUs }, maxKeys, seed, time)
    const made = { keys, lend: live.lend, horizonUs, usedAt: time }
    counters.set(name, made)
    return made
  }

  /** Only what may be taken gets a row. */
  const look = (ask: CountAsk, take: boolean, time: number): Looked => {
    const { key, cost, onUnavailable } = ask
    const counter = counterOf(ask, time)
    const { core, find, findOrAdd, rows } = counter.keys
    const adds = take && checkCost(cost) > 0 && cost <= core.limit
    const at = adds ? findOrAdd(key, time) : find(key, time)
    const overflow = adds && at < 0
    const room = at < 0 ? core.limit : core.room(rows(), at, time)
    return { ask, counter, at, room, overflow, fits: overflow ? onUnavailable === 'open' : room >= cost }
  }

  const answer = ({ ask, counter: { keys }, at, room, fits, overflow }: Looked, take: boolean, time: number): CountAnswer => {
    const { core } = keys
    const taken = take && at >= 0 && ask.cost > 0
    const shapes = ask.policy.algorithm === 'LEAKY_BUCKET' && ask.policy.mode === 'shaper'
    const delayUs = shapes && fits && ask.cost > 0 && at >= 0 ? core.reset(keys.rows(), at, time) : 0
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
      const all = take && looked.every(({ fits }) => fits)
      return looked.map((one) => answer(one, all, time))
    },
    async reset(ask) {
      counterOf(ask, now()).keys.remove(ask.key)
    },
  }
}
