import type { Ask } from '../decision.ts'

export interface Lifetimes {
  /** A holder that is not heard of for so long is gone, and what it held with it. Microseconds. */
  readonly holderUs: number
  /** A lease that is older was forgotten by a holder that lives. Microseconds. */
  readonly leaseUs: number
}

/** What one lease holds, all of it or nothing. */
export type Held = Required<Ask>

/**
 * Who holds what, without a clock of its own: instants are whole microseconds since the epoch, and a clock that steps back stands still.
 * `sweep` comes before every other call with the same `now`; it costs what it ends.
 */
export interface Flights {
  inFlight(limit: string, key: string): number
  has(id: string): boolean
  size(): number
  add(id: string, holder: string, held: readonly Held[], now: number): void
  /** False: it had ended before, and this changed nothing. */
  remove(id: string): boolean
  /** The holder lives. How many leases it holds. */
  renew(holder: string, now: number): number
  /** The holder is gone. How many leases ended. */
  drop(holder: string): number
  /** Whatever holds of this key is over. How many leases ended. */
  end(limit: string, key: string): number
  /** Ends what is over. How many leases ended. */
  sweep(now: number): number
}

interface Lease {
  readonly holder: string
  readonly until: number
  readonly held: readonly Held[]
}

interface Holder {
  readonly until: number
  readonly leases: Set<string>
}

export const flights = ({ holderUs, leaseUs }: Lifetimes): Flights => {
  /** Both end in the order in which they stand: a lease's time begins when it is added, and a holder goes to the end when it is heard of. */
  const leases = new Map<string, Lease>()
  const holders = new Map<string, Holder>()
  const counts = new Map<string, Map<string, number>>()
  let latest = 0

  const inFlight = (limit: string, key: string): number => counts.get(limit)?.get(key) ?? 0

  const count = ({ limit, key, cost }: Held, sign: 1 | -1): void => {
    const byKey = counts.get(limit) ?? new Map<string, number>()
    const held = (byKey.get(key) ?? 0) + sign * cost
    if (held > 0) counts.set(limit, byKey.set(key, held))
    else byKey.delete(key)
  }

  const heardOf = (name: string, now: number): Holder => {
    const holder = { until: now + holderUs, leases: holders.get(name)?.leases ?? new Set<string>() }
    holders.delete(name)
    holders.set(name, holder)
    return holder
  }

  const remove = (id: string): boolean => {
    const lease = leases.get(id)
    if (!lease) return false
    leases.delete(id)
    for (const held of lease.held) count(held, -1)
    const holder = holders.get(lease.holder)
    holder?.leases.delete(id)
    if (holder?.leases.size === 0) holders.delete(lease.holder)
    return true
  }

  const drop = (name: string): number => [...(holders.get(name)?.leases ?? [])].filter(remove).length

  const steady = (now: number): number => {
    latest = Math.max(latest, now)
    return latest
  }

  return {
    inFlight,
    has: (id) => leases.has(id),
    size: () => leases.size,
    remove,
    drop,

    add(id, name, held, now) {
      const time = steady(now)
      leases.set(id, { holder: name, until: time + leaseUs, held })
      heardOf(name, time).leases.add(id)
      for (const one of held) count(one, 1)
    },

    end: (limit, key) =>
      [...leases]
        .filter(([, lease]) => lease.held.some((one) => one.limit === limit && one.key === key))
        .filter(([id]) => remove(id)).length,

    renew: (name, now) => (holders.has(name) ? heardOf(name, steady(now)).leases.size : 0),

    sweep(now) {
      const time = steady(now)
      let ended = 0
      for (const [name, { until }] of holders) {
        if (until > time) break
        ended += drop(name)
      }
      for (const [id, { until }] of leases) {
        if (until > time) break
        ended += remove(id) ? 1 : 0
      }
      return ended
    },
  }
}
