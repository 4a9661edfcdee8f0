import { IDLE_HORIZONS } from './counter.ts'
import type { CountAsk } from './counting.ts'
import { type Compiled, compile } from './limiter/compile.ts'
import { type Keys, keysOf } from './limiter/memory/keys.ts'
import type { Policy } from './limiter/policy.ts'

/** The counts of one counter. Policies that share them differ in their number alone, so whichever asks lends its core. */
export interface Counter {
  readonly keys: Keys
  /** The longest that a key which stays within the limit is remembered, in microseconds. */
  horizonUs: number
  usedAt: number
}

export interface Counters {
  /** The counter that an ask means, ready for its policy. */
  of(ask: Pick<CountAsk, 'counter' | 'policy'>, time: number): Counter
  /** Where a key's numbers begin; -1: it has none. What it took under earlier versions comes along. */
  find(ask: Pick<CountAsk, 'key' | 'former'>, counter: Counter, time: number): number
}

/** The counts in this process. */
export const countersOf = (seed: number, maxKeys: number): Counters => {
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

  const findOrMake = (name: string, made: Compiled, time: number): Counter => {
    const known = counters.get(name)
    if (known) return known
    dropIdle(time)
    const counter = { keys: keysOf(made, maxKeys, seed, time), horizonUs: made.horizonUs, usedAt: time }
    counters.set(name, counter)
    return counter
  }

  /** Takes of the new counts what was taken of the old: with a key's next request, so that a change of a limit stops nobody for a million keys. */
  const carry = (from: Counter, to: Counter, key: string, time: number): void => {
    const at = from.keys.find(key, time)
    if (at < 0 || from.keys.core.reset(from.keys.rows(), at, time) <= 0) return
    const place = to.keys.findOrAdd(key, time)
    if (place < 0) return
    const { core, rows } = to.keys
    const before = from.keys.rows()
    if (core.takeAs) core.takeAs(rows(), place, time, before, at)
    else core.take(rows(), place, time, from.keys.core.limit - from.keys.core.room(before, at, time))
    from.keys.remove(key)
  }

  return {
    of({ counter: name, policy }, time) {
      const made = compiledOf(policy)
      const counter = findOrMake(name, made, time)
      counter.usedAt = time
      counter.horizonUs = Math.max(counter.horizonUs, made.horizonUs) // a larger bucket takes longer to fill
      counter.keys.lend(made.core)
      return counter
    },
    find({ key, former }, counter, time) {
      for (const { counter: name, goes } of former) {
        const old = goes === 'shared' ? undefined : counters.get(name)
        if (old) carry(old, counter, key, time)
      }
      return counter.keys.find(key, time)
    },
  }
}
