import type { CountAsk } from './counting.ts'
import { type Compiled, compile } from './limiter/compile.ts'
import type { Core } from './limiter/cores/core.ts'
import { type Keys, keysOf } from './limiter/memory/keys.ts'
import type { Policy } from './limiter/policy.ts'

/** The counts of one counter. Policies that share them differ in their number alone, so whichever asks lends its core. */
export interface Counter {
  readonly algorithm: Policy['algorithm']
  readonly keys: Keys
  lend(core: Core): void
  horizonUs: number
  usedAt: number
}

/** The counters of one limit: those of the version that holds, and those that no one has asked for since it does. */
interface Family {
  version: number
  current: Map<string, Counter>
  former: Map<string, Counter>
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

/** Many horizons unused, a counter holds nothing that is not over, but for debts of money that took as many windows. */
const IDLE_HORIZONS = 8

export interface Counters {
  /** The counter that an ask means, ready for its policy. */
  of(ask: Pick<CountAsk, 'limitId' | 'version' | 'counter' | 'policy'>, time: number): Counter
  /** Where a key's numbers begin; -1: it has none. What it took under another number of the same algorithm comes along. */
  find(ask: Pick<CountAsk, 'limitId' | 'key'>, counter: Counter, time: number): number
}

/** Which counters there are in this process; those of limits that are gone go once nothing in them counts any more. */
export const countersOf = (seed: number, maxKeys: number): Counters => {
  const families = new Map<string, Family>()
  const compiled = new WeakMap<Policy, Compiled>()

  const compiledOf = (policy: Policy): Compiled => {
    const known = compiled.get(policy)
    if (known) return known
    const made = compile(policy)
    compiled.set(policy, made)
    return made
  }

  const dropIdleOf = (counters: Map<string, Counter>, time: number): void => {
    for (const [name, { usedAt, horizonUs }] of counters) if (usedAt + IDLE_HORIZONS * horizonUs < time) counters.delete(name)
  }

  const dropIdle = (time: number): void => {
    for (const [id, { current, former }] of families) {
      dropIdleOf(current, time)
      dropIdleOf(former, time)
      if (current.size + former.size === 0) families.delete(id)
    }
  }

  const familyOf = (limitId: string, version: number): Family => {
    const known = families.get(limitId)
    if (!known) {
      const made = { version, current: new Map(), former: new Map() }
      families.set(limitId, made)
      return made
    }
    if (version > known.version) {
      known.version = version
      known.former = new Map([...known.former, ...known.current])
      known.current = new Map()
    }
    return known
  }

  const make = (policy: Policy, { core, horizonUs }: Compiled, time: number): Counter => {
    const live = lent(core)
    const keys = keysOf({ core: live.core, horizonUs }, maxKeys, seed, time)
    return { algorithm: policy.algorithm, keys, lend: live.lend, horizonUs, usedAt: time }
  }

  const ready = (counter: Counter, { core, horizonUs }: Compiled, time: number): Counter => {
    counter.lend(core)
    counter.usedAt = time
    counter.horizonUs = Math.max(counter.horizonUs, horizonUs) // a larger bucket takes longer to fill
    return counter
  }

  /** Takes of the new counts what was taken of the old: with a key's next request, so that a change of a limit stops nobody for a million keys. */
  const carry = (from: Counter, to: Counter, key: string, time: number): void => {
    const at = from.keys.find(key, time)
    const taken = at < 0 ? 0 : from.keys.core.limit - from.keys.core.room(from.keys.rows(), at, time)
    if (taken <= 0) return
    from.keys.remove(key)
    const place = to.keys.findOrAdd(key, time)
    if (place >= 0) to.keys.core.take(to.keys.rows(), place, time, taken)
  }

  return {
    of({ limitId, version, counter: name, policy }, time) {
      const known = families.get(limitId)?.current.get(name)
      const made = compiledOf(policy)
      if (known && families.get(limitId)?.version === version) {
        return ready(known, made, time)
      }
      dropIdle(time)
      const { current, former } = familyOf(limitId, version)
      const counter = current.get(name) ?? former.get(name) ?? make(policy, made, time)
      former.delete(name)
      current.set(name, counter)
      return ready(counter, made, time)
    },
    find({ limitId, key }, counter, time) {
      const at = counter.keys.find(key, time)
      const former = families.get(limitId)?.former
      if (!former || former.size === 0) return at
      const { core, rows } = counter.keys
      if (at >= 0 && core.reset(rows(), at, time) > 0) return at // in use: a key that was let go may still have its place
      dropIdleOf(former, time)
      for (const old of former.values()) if (old.algorithm === counter.algorithm) carry(old, counter, key, time)
      return counter.keys.find(key, time)
    },
  }
}
