import type { Compiled } from '../compile.ts'
import type { Core } from '../cores/core.ts'
import type { Ends } from '../reservation.ts'
import { holdsOf, type Place } from './holds.ts'
import { table } from './table.ts'
import { wheel } from './wheel.ts'

/** The keys of one limit: found or made, and let go once they are as if never used. */
export interface Keys {
  readonly core: Core
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

export const keysOf = ({ core, horizonUs }: Compiled, maxKeys: number, seed: number, start: number): Keys => {
  const { width } = core
  const entries = table(width, maxKeys, seed)
  const timer = wheel(horizonUs, start)
  const holds = holdsOf(core)
  let hand = 0

  const bringUp = (slot: number, now: number): void => {
    if (!holds.isEmpty()) holds.expire(slot, entries.rows(), slot * width, now)
    core.advance(entries.rows(), slot * width, now)
  }

  const sweep = (now: number, most: number): void =>
    timer.due(now, most, (slot) => {
      const at = slot * width
      bringUp(slot, now)
      const left = Math.max(core.reset(entries.rows(), at, now), holds.lastEnd(slot) - now)
      if (left > 0) timer.put(slot, now + left)
      else entries.remove(slot)
    })

  /**
   * The cap holds, and a key that is refused now is never forgotten for another's sake. Of some candidates the one with the most room goes;
   * its slot stays in the wheel for the key that takes it.
   */
  const evict = (now: number): number => {
    let [best, most] = [-1, 0]
    for (let i = 0; i < CANDIDATES; i += 1) {
      hand = (hand + 1) % entries.slots()
      if (entries.keyAt(hand) === undefined) continue
      bringUp(hand, now)
      const room = core.room(entries.rows(), hand * width, now)
      if (room > most) [best, most] = [hand, room]
    }
    return best
  }

  const find = (key: string, now: number): number => {
    const slot = entries.find(key)
    if (slot < 0) return -1
    bringUp(slot, now)
    return slot * width
  }

  return {
    core,
    rows: entries.rows,
    size: entries.size,
    find,
    findOrAdd(key, now) {
      const known = find(key, now)
      if (known >= 0) return known
      sweep(now, SWEEP)
      const free = entries.add(key)
      if (free >= 0) {
        core.advance(entries.rows(), free * width, now)
        timer.put(free, now + horizonUs)
        return free * width
      }
      const victim = evict(now)
      if (victim < 0) return -1
      holds.forget(victim)
      entries.remove(victim)
      const slot = entries.add(key)
      core.advance(entries.rows(), slot * width, now)
      return slot * width
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
}
