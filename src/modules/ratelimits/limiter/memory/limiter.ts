import { compile, PolicyError } from '../compile.ts'
import { type Ask, checkCost, checkKey, type Decision, type LimitDecision } from '../decision.ts'
import { isShaper, type Policy } from '../policy.ts'
import { checkTold, checkTtl, endsOf, type Settlement, toldOf } from '../reservation.ts'
import { compileSuccessor } from '../shape.ts'
import { keysOf } from './keys.ts'
import { conclude, type Limit, needsPlace, type Weighed, weigh } from './one-limit.ts'
import { type Hold, type Move, reservations } from './reservations.ts'

/** What a new key gets while the table is full of keys that are refused. */
export type OnOverflow = 'refuse' | 'admit'

export interface MemoryLimiterOptions {
  readonly limits: Readonly<Record<string, Policy>>
  /** How many keys of one limit are held at most, up to 2^30; a million unless told. */
  readonly maxKeys?: number
  /** How many reservations are remembered at most, each for a day beyond its time; a hundred thousand unless told. */
  readonly maxReservations?: number
  /** Of all limits, or by limit: `refuse` unless told. */
  readonly onOverflow?: OnOverflow | Readonly<Record<string, OnOverflow>>
  /** Whole microseconds since the epoch. */
  readonly now: () => number
  /** Of the hash of keys: random in a server, fixed in a test. */
  readonly seed: number
}

export interface MemoryLimiter {
  /** One limit, at once. Throws RangeError for a cost that is no whole number from 0, or a limit that does not exist. */
  tryAcquire(limit: string, key: string, cost?: number): LimitDecision
  /** All of several limits or none of them. A limit may stand in it once. */
  tryAcquireAll(asks: readonly Ask[]): Decision
  /** As `tryAcquireAll`, by the method that limiters in Redis have: rejects with RangeError for a mistake of the caller, and never in order to deny. */
  acquire(asks: readonly Ask[]): Promise<Decision>
  /** As `tryAcquireAll`, and remembers it under `id` until the truth is told. Throws RangeError for an id that is in use. */
  tryReserve(id: string, asks: readonly Ask[], ttlMs: number): Decision
  /** Puts the true costs, one by limit, in the place of the estimate; beyond the limit they are debt. A second time changes nothing. Throws RangeError for a limit it is not of. */
  settle(id: string, costs: Readonly<Record<string, number>>): Settlement
  /** Gives the estimate back. A second time changes nothing. */
  release(id: string): Settlement
  /** Gives back what was taken in the window or bucket that runs; never more than was taken. */
  giveBack(limit: string, key: string, amount: number): void
  /** Forgets a key: as if never used. */
  reset(limit: string, key: string): void
  /**
   * At once for what is asked from now on; what was taken stays taken. Throws PolicyError for a policy of another algorithm, window or pace,
   * by which that would mean something else.
   */
  setPolicy(limit: string, policy: Policy): void
  /** Keys held, by limit. */
  sizes(): Readonly<Record<string, number>>
}

interface Counted extends Limit {
  readonly policy: Policy
  /** A key that gets no place has all of the limit. */
  readonly admits: boolean
}

/** A slot shares 32 bits with a part of its key's hash. */
const MOST_KEYS = 2 ** 30

/** By limit, what it is told; a limit that is not told refuses. Throws PolicyError for what is told of no limit. */
const overflowOf = (
  limits: readonly string[],
  told: NonNullable<MemoryLimiterOptions['onOverflow']>,
): ReadonlyMap<string, OnOverflow> => {
  if (typeof told === 'string') return new Map(limits.map((name) => [name, told]))
  const unknown = Object.keys(told).find((name) => !limits.includes(name))
  if (unknown !== undefined)
    throw new PolicyError(`onOverflow names '${unknown}', which is no limit; there are ${limits.join(', ')}`)
  return new Map(Object.entries(told))
}

/** A limiter in this process's memory. It never waits: a request's limits are checked and taken in one step that nobody can come between. */
export const memoryLimiter = (options: MemoryLimiterOptions): MemoryLimiter => {
  const { limits, maxKeys = 1_000_000, maxReservations = 100_000, onOverflow = 'refuse', now, seed } = options
  if (!Number.isInteger(maxKeys) || maxKeys < 1 || maxKeys > MOST_KEYS)
    throw new RangeError(`maxKeys is ${maxKeys}; it must be a whole number from 1 to 2^30`)
  const overflow = overflowOf(Object.keys(limits), onOverflow)
  const began = now()
  const reserved = reservations(began, maxReservations)
  const byName = new Map(
    Object.entries(limits).map(([name, policy]): [string, Counted] => {
      const keys = keysOf(compile(policy), maxKeys, seed, began)
      return [name, { name, keys, policy, shapes: isShaper(policy), admits: overflow.get(name) === 'admit' }]
    }),
  )

  let last: Counted | undefined
  const limitOf = (name: string): Counted => {
    if (last?.name === name) return last
    last = byName.get(name)
    if (!last) throw new RangeError(`there is no limit '${name}'; there are ${[...byName.keys()].join(', ')}`)
    return last
  }

  const check = (limit: Counted, key: string, cost: number, time: number): Weighed => {
    const { keys, admits } = limit
    const at = needsPlace(keys.core, cost) ? keys.findOrAdd(key, time) : keys.find(key, time)
    return weigh(limit, at, cost, time, admits)
  }

  const checkAll = (asks: readonly Ask[], time: number): readonly Weighed[] => {
    if (asks.length > 1 && new Set(asks.map(({ limit }) => limit)).size < asks.length)
      throw new RangeError('a limit stands twice in one request; ask for its keys one by one')
    const wanted = asks.map(({ limit, key, cost = 1 }) => ({ limit: limitOf(limit), key, cost: checkCost(cost) }))
    return wanted.map(({ limit, key, cost }) => check(limit, key, cost, time))
  }

  const decide = (checked: readonly Weighed[], allowed: boolean, time: number): Decision => ({
    allowed,
    limits: checked.map((one) => conclude(one, time, allowed, true)),
  })

  /** Beyond what was asked: nobody is asked again, what does not fit is debt. */
  const charge = ({ limit, key }: Hold, amount: number, time: number): void => {
    const { keys } = limitOf(limit)
    const at = keys.findOrAdd(key, time)
    if (at >= 0) keys.core.take(keys.rows(), at, time, amount)
  }

  /** The truth takes the place of what is held. */
  const end = ({ was, holds = [] }: Move, truthOf: (hold: Hold) => number, time: number): void => {
    for (const hold of holds) {
      const { keys } = limitOf(hold.limit)
      const { amount, place } = hold
      const truth = truthOf(hold)
      const isHeld = was === 'held' && place !== undefined && time < place.end
      const counted = isHeld ? amount : 0
      const at = keys.find(hold.key, time)
      if (isHeld && at >= 0) keys.endHold(at, time, amount, Math.max(0, amount - truth), place)
      if (truth > counted) charge(hold, truth - counted, time)
    }
  }

  const acquireAll = (asks: readonly Ask[]): Decision => {
    const time = now()
    const first = asks[0]
    // Most requests meet one limit: they are spared the lists.
    if (first && asks.length === 1) {
      const only = check(limitOf(first.limit), first.key, checkCost(first.cost ?? 1), time)
      return { allowed: only.fits, limits: [conclude(only, time, only.fits, true)] }
    }
    const checked = checkAll(asks, time)
    return decide(
      checked,
      checked.every(({ fits }) => fits),
      time,
    )
  }

  return {
    tryAcquire(name, key, cost = 1) {
      const time = now()
      const checked = check(limitOf(name), key, checkCost(cost), time)
      return conclude(checked, time, checked.fits, true)
    },

    tryAcquireAll: acquireAll,

    async acquire(asks) {
      for (const { limit, key } of asks) checkKey(limit, key)
      return acquireAll(asks)
    },

    tryReserve(id, asks, ttlMs) {
      const time = now()
      checkTtl(ttlMs)
      reserved.sweep(time)
      if (reserved.has(id)) throw new RangeError(`there is a reservation '${id}' already`)
      const checked = checkAll(asks, time)
      const allowed = checked.every(({ fits }) => fits) && reserved.hasRoom()
      const decision = decide(checked, allowed, time)
      if (!allowed) return decision
      const ends = endsOf(time, ttlMs)
      const holds = checked.map(({ limit: { name, keys }, at, cost }, i): Hold => {
        const hold = { limit: name, key: asks[i]?.key ?? '', amount: at < 0 ? 0 : cost }
        return hold.amount === 0 ? hold : { ...hold, place: keys.hold(at, time, cost, ends) }
      })
      reserved.hold(id, holds, Math.max(ends.from, ...holds.map(({ place }) => place?.end ?? 0)))
      return decision
    },

    settle(id, costs) {
      const time = now()
      for (const cost of Object.values(costs)) checkCost(cost)
      reserved.sweep(time)
      const of = reserved.limitsOf(id)
      if (of) checkTold(id, Object.keys(costs), of)
      const move = reserved.move(id, 'settled', time)
      end(move, ({ limit, amount }) => toldOf(costs, limit) ?? amount, time)
      return { state: move.state, changed: move.changed }
    },

    release(id) {
      const time = now()
      reserved.sweep(time)
      const move = reserved.move(id, 'released', time)
      end(move, () => 0, time)
      return { state: move.state, changed: move.changed }
    },

    giveBack(name, key, amount) {
      const time = now()
      const { keys } = limitOf(name)
      const back = checkCost(amount)
      const at = keys.find(key, time)
      if (at >= 0) keys.giveBack(at, time, back)
    },

    reset: (name, key) => limitOf(name).keys.remove(key),

    setPolicy(name, policy) {
      const limit = limitOf(name)
      limit.keys.lend(compileSuccessor(name, limit.policy, policy).core)
      byName.set(name, { ...limit, policy, shapes: isShaper(policy) })
      last = undefined
    },

    sizes: () => Object.fromEntries([...byName].map(([name, { keys }]) => [name, keys.size()])),
  }
}
