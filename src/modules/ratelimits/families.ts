import type { CountAsk } from './counting.ts'
import type { Policy } from './limiter/policy.ts'

/** What is known of one counter. */
export interface Member {
  readonly algorithm: Policy['algorithm']
  /** The longest that a key which stays within the limit is remembered, in microseconds. */
  horizonUs: number
  usedAt: number
}

/** The counters of one limit: those of the version that holds, and those that no one has asked for since it does. */
interface Family<T> {
  version: number
  current: Map<string, T>
  former: Map<string, T>
}

/** Many horizons unused, a counter holds nothing that is not over, but for debts of money that took as many windows. */
const IDLE_HORIZONS = 8

export interface Families<T> {
  /** The counter that an ask means; `make` makes one that is not known. */
  of(ask: Pick<CountAsk, 'limitId' | 'version' | 'counter'>, horizonUs: number, time: number, make: () => T): T
  /** Of earlier versions those whose counts mean the same as this one's. */
  former(limitId: string, counter: T, time: number): readonly T[]
}

const NONE: readonly never[] = []

/** Which counters this process has met; those of limits that are gone go once nothing in them counts any more. */
export const familiesOf = <T extends Member>(): Families<T> => {
  const families = new Map<string, Family<T>>()

  const dropIdleOf = (counters: Map<string, T>, time: number): void => {
    for (const [name, { usedAt, horizonUs }] of counters) if (usedAt + IDLE_HORIZONS * horizonUs < time) counters.delete(name)
  }

  const dropIdle = (time: number): void => {
    for (const [id, { current, former }] of families) {
      dropIdleOf(current, time)
      dropIdleOf(former, time)
      if (current.size + former.size === 0) families.delete(id)
    }
  }

  const familyOf = (limitId: string, version: number): Family<T> => {
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

  const ready = (member: T, horizonUs: number, time: number): T => {
    member.usedAt = time
    member.horizonUs = Math.max(member.horizonUs, horizonUs) // a larger bucket takes longer to fill
    return member
  }

  return {
    of({ limitId, version, counter: name }, horizonUs, time, make) {
      const family = families.get(limitId)
      const known = family?.version === version ? family.current.get(name) : undefined
      if (known) return ready(known, horizonUs, time)
      dropIdle(time)
      const { current, former } = familyOf(limitId, version)
      const member = current.get(name) ?? former.get(name) ?? make()
      former.delete(name)
      current.set(name, member)
      return ready(member, horizonUs, time)
    },
    former(limitId, { algorithm }, time) {
      const former = families.get(limitId)?.former
      if (!former || former.size === 0) return NONE
      dropIdleOf(former, time)
      return [...former.values()].filter((old) => old.algorithm === algorithm)
    },
  }
}
