import type { CountAsk } from './counting.ts'
import { familiesOf, type Member } from './families.ts'
import { type Compiled, compile } from './limiter/compile.ts'
import type { Core } from './limiter/cores/core.ts'
import { type Keys, keysOf } from './limiter/memory/keys.ts'
import type { Policy } from './limiter/policy.ts'

/** The counts of one counter. Policies that share them differ in their number alone, so whichever asks lends its core. */
export interface Counter extends Member {
  readonly keys: Keys
  lend(core: Core): void
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
      fades: first.fades,
      get limit() {
        return now.limit
      },
      advance: (rows, at, time) => now.advance(rows, at, time),
      room: (rows, at, time) => now.room(rows, at, time),
      take: (rows, at, time, amount) => now.take(rows, at, time, amount),
      ...(first.takeAs && { takeAs: (rows, at, time, from, fromAt) => now.takeAs?.(rows, at, time, from, fromAt) }),
      stamp: (rows, at, time, amount) => now.stamp(rows, at, time, amount),
      giveBack: (rows, at, time, amount, stamp) => now.giveBack(rows, at, time, amount, stamp),
      wait: (rows, at, time, amount) => now.wait(rows, at, time, amount),
      reset: (rows, at, time) => now.reset(rows, at, time),
    },
  }
}

export interface Counters {
  /** The counter that an ask means, ready for its policy. */
  of(ask: Pick<CountAsk, 'limitId' | 'version' | 'counter' | 'policy'>, time: number): Counter
  /** Where a key's numbers begin; -1: it has none. What it took under another number of the same algorithm comes along. */
  find(ask: Pick<CountAsk, 'limitId' | 'key'>, counter: Counter, time: number): number
}

/** The counts in this process. */
export const countersOf = (seed: number, maxKeys: number): Counters => {
  const families = familiesOf<Counter>()
  const compiled = new WeakMap<Policy, Compiled>()

  const compiledOf = (policy: Policy): Compiled => {
    const known = compiled.get(policy)
    if (known) return known
    const made = compile(policy)
    compiled.set(policy, made)
    return made
  }

  const make = ({ algorithm }: Policy, { core, horizonUs }: Compiled, time: number): Counter => {
    const live = lent(core)
    const keys = keysOf({ core: live.core, horizonUs }, maxKeys, seed, time)
    return { algorithm, keys, lend: live.lend, horizonUs, usedAt: time }
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
    of(ask, time) {
      const made = compiledOf(ask.policy)
      const counter = families.of(ask, made.horizonUs, time, () => make(ask.policy, made, time))
      counter.lend(made.core)
      return counter
    },
    find({ limitId, key }, counter, time) {
      const at = counter.keys.find(key, time)
      const former = families.former(limitId, counter, time)
      if (former.length === 0) return at
      const { core, rows } = counter.keys
      if (at >= 0 && core.reset(rows(), at, time) > 0) return at // in use: a key that was let go may still have its place
      for (const old of former) carry(old, counter, key, time)
      return counter.keys.find(key, time)
    },
  }
}
