import type { Compiled } from '../compile.ts'
import type { Core } from '../cores/core.ts'
import type { Ends } from '../reservation.ts'
import { holdsOf, type Place } from './holds.ts'
import { table } from './table.ts'
import { wheel } from './wheel.ts'

/** The keys of one limit: found or made, and let go once they are as if never used. */
export interface Keys {
  /** Of whose policy was lent last. */
  readonly core: Core
  /** Counts by another policy, which differs in the number that it allows alone, until the next is lent. */
  lend(core: Core): void
  rows(): Float64Array
  /** Where the key's numbers begin, brought up to `now`; -1: it has none, which is as good as zeros. */
  find(key: string, now: number): number
  /** As `find`, and makes room for a new key; -1: the table is full of keys that must be kept. */
  findOrAdd(key: string, now: number): number
  remove(key: string): void
  /** What was taken last at `at` is a reservation's. */
  hold(at: number, now: number, amount: number, ends: Ends): Place
  /** A reservation that holds `amount` ended before its time: `back` of it is given back. */
  endHold(at: number, now: number, amount: number, back: number, place: Place): void
  giveBack(at: number, now: number, amount: number): void
  size(): number
}

/** A new key's turn pays for a look at this many that are due: the table shrinks as fast as it can grow. */
const SWEEP = 4
/** How many keys an eviction looks at before it gives up. */
const CANDIDATES = 16

export const keysOf = ({ core: first, horizonUs }: Compiled, maxKeys: number, seed: number, start: number): Keys => {
  const { width } = first
  const entries = table(width, maxKeys, seed)
  const timer = wheel(horizonUs, start)
  const holds = holdsOf(first)
  /** By slot, of the policies that its key was asked for under since it was unused the one that allows least; none while there is one policy. */
  let strictest: Core[] | undefined
  let hand = 0

  const coreOf = (slot: number): Core => strictest?.[slot] ?? keys.core

  const bringUp = (slot: number, now: number, own: Core): void => {
    if (!holds.isEmpty()) holds.expire(slot, entries.rows(), slot * width, now)
    own.advance(entries.rows(), slot * width, now)
  }

  const sweep = (now: number, most: number): void =>
    timer.due(now, most, (slot) => {
      const at = slot * width
      const own = coreOf(slot)
      bringUp(slot, now, own)
      const left = Math.max(own.reset(entries.rows(), at, now), holds.lastEnd(slot) - now)
      if (left > 0) timer.put(slot, now + left)
      else entries.remove(slot)
    })

  /**
   * The cap holds, and a key that is refused now, by the least that it was asked for under, is never forgotten for another's sake. Of some
   * candidates the one with the most room goes; its slot stays in the wheel for the key that takes it.
   */
  const evict = (now: number): number => {
    let [best, most] = [-1, 0]
    for (let i = 0; i < CANDIDATES; i += 1) {
      hand = (hand + 1) % entries.slots()
      if (entries.keyAt(hand) === undefined) continue
      const own = coreOf(hand)
      bringUp(hand, now, own)
      const room = own.room(entries.rows(), hand * width, now)
      if (room > most) [best, most] = [hand, room]
    }
    return best
  }

  const find = (key: string, now: number): number => {
    const slot = entries.find(key)
    if (slot < 0) return -1
    const at = slot * width
    const { core } = keys
    bringUp(slot, now, core)
    if (strictest && (core.limit <= coreOf(slot).limit || core.reset(entries.rows(), at, now) <= 0)) strictest[slot] = core
    return at
  }

  /** -1: the table is full. */
  const add = (key: string, now: number): number => {
    const slot = entries.add(key)
    if (slot < 0) return -1
    const { core } = keys
    if (strictest) strictest[slot] = core
    core.advance(entries.rows(), slot * width, now)
    return slot
  }

  const keys: Keys & { core: Core } = {
    core: first,
    lend(next) {
      if (next !== keys.core) strictest ??= new Array<Core>(entries.slots()).fill(keys.core)
      keys.core = next
    },
    rows: entries.rows,
    size: entries.size,
    find,
    findOrAdd(key, now) {
      const known = find(key, now)
      if (known >= 0) return known
      sweep(now, SWEEP)
      const free = add(key, now)
      if (free >= 0) {
        timer.put(free, now + horizonUs)
        return free * width
      }
      const victim = evict(now)
      if (victim < 0) return -1
      holds.forget(victim)
      entries.remove(victim)
      return add(key, now) * width
    },
    remove(key) {
      const slot = entries.find(key)
      // Its numbers go at once; its slot when the wheel comes by, which finds it unused.
      if (slot < 0) return
      entries.rows().fill(0, slot * width, (slot + 1) * width)
      holds.forget(slot)
    },
    hold: (at, now, amount, ends) => holds.add(at / width, entries.rows(), at, now, amount, ends),
    endHold: (at, now, amount, back, place) => holds.end(at / width, entries.rows(), at, now, amount, back, place),
    giveBack: (at, now, amount) => holds.giveBack(at / width, entries.rows(), at, now, amount),
  }
  return keys
}
