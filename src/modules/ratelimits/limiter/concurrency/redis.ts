import type { Decision } from '../decision.ts'
import type { IsOver, RedisClient } from '../redis/client.ts'
import { gate } from '../redis/failure.ts'
import type { OnFailure } from '../redis/fallback.ts'
import { groupOfAll, tagOf } from '../redis/keys.ts'
import { LimiterUnavailable } from '../redis/limiter.ts'
import { doubts } from './doubts.ts'
import { inFlightFallback } from './fallback.ts'
import { decideInFlight, type InFlightAsk, isLook, lifetimeUs, mostInFlight, type Wanted } from './in-flight.ts'
import { leasesHeard } from './leases-heard.ts'
import type { ConcurrencyOptions, LeaseOf } from './memory.ts'
import { type Attempt, inFlightOperations } from './operations.ts'

export interface RedisConcurrencyOptions extends ConcurrencyOptions {
  readonly client: RedisClient
  /** Keys begin with it; `rl` unless told. */
  readonly prefix?: string
  /** The group that a key or a lease's id is of: what stands in its braces unless told. All of a request are of one. */
  readonly groupOf?: (name: string) => string
  /** An answer is waited for no longer; 50 unless told. */
  readonly deadlineMs?: number
  /** By limit, what is answered when the server does not: `local` unless told. */
  readonly onFailure?: Readonly<Record<string, OnFailure>>
  /** Among how many servers a limit is divided while theirs is gone; 1 unless told. */
  readonly liveServers?: () => number
  /** Told of each failure, for the log and the metrics. */
  readonly onError?: (error: unknown) => void
  /** Any number that no other process has, to know its own requests by. */
  readonly seed: number
  /** For tests: the time that is to be taken for the server's, in microseconds. */
  readonly serverTime?: () => number
}

/** As `ConcurrencyLimiter`, for all servers of an application. What is not a check rejects with LimiterUnavailable where the server is gone. */
export interface RedisConcurrencyLimiter {
  /**
   * Holds all that is asked or nothing, in one round trip and by the server's clock. Answers within the deadline; without the server,
   * `degraded`, a lease that this process knows to be held goes on, and others are answered as `onFailure` says. Rejects with RangeError for a
   * mistake of the caller, and never else.
   */
  acquire(asks: readonly InFlightAsk[], lease: LeaseOf): Promise<Decision>
  /** False: it had been released before or was over, and this changed nothing. */
  release(id: string): Promise<boolean>
  /** The holder lives: say so in each process that holds for it, a few times in its lifetime. How many leases it still holds. */
  renew(holder: string): Promise<number>
  /** The holder is gone. How many leases ended with it. */
  drop(holder: string): Promise<number>
  /** Whatever holds of this key ends, with all else that it holds. How many leases; it looks at all of the key's group. */
  reset(limit: string, key: string): Promise<number>
  /** At once for what this process asks from now on; what is held above it stays. */
  setLimit(limit: string, most: number): void
  inFlight(limit: string, key: string): Promise<number>
}

/** Limits of what is in flight, in Redis or Valkey, single or Cluster. `maxLeases` is of each group of keys. */
export const redisConcurrencyLimiter = (options: RedisConcurrencyOptions): RedisConcurrencyLimiter => {
  const { limits, client, holderTtlMs = 30_000, leaseTtlMs = 3_600_000, retryMs = 1_000, maxLeases = 1_000_000, now } = options
  const {
    prefix = 'rl',
    groupOf = tagOf,
    deadlineMs = 50,
    onFailure = {},
    liveServers = () => 1,
    onError,
    seed,
    serverTime,
  } = options
  const most = mostInFlight(limits)
  const lifetimes = { holderUs: lifetimeUs('holderTtlMs', holderTtlMs), leaseUs: lifetimeUs('leaseTtlMs', leaseTtlMs) }
  const store = inFlightOperations({ ...lifetimes, client, prefix, maxLeases, ...(serverTime && { serverTime }) })
  const server = gate({ deadlineMs, now, ...(onError && { onFailure: onError }) })
  const alone = inFlightFallback({ limits, holderTtlMs, leaseTtlMs, retryMs, maxLeases, now, onFailure, liveServers })
  const heard = leasesHeard(lifetimes.holderUs)
  const doubtful = doubts(store.release)
  let attempts = 0
  const fresh = (): string => {
    attempts += 1
    return `${seed}.${attempts}`
  }

  /** Waits longer: nothing hangs on it, and what it says is not to be lost. */
  const patient = gate({ deadlineMs: 20 * deadlineMs, now, ...(onError && { onFailure: onError }) })
  const insist = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const done = await patient.run(
      async () => ({ answer: await work() }),
      () => undefined,
    )
    if (!done) throw new LimiterUnavailable(`the limiter's server does not answer: ${what} again later`)
    return done.answer
  }

  /** A holder has leases in the group of its own name, made by others, and where this process made them. */
  const everywhere = async (what: 'renew' | 'drop', holder: string): Promise<number> => {
    const groups = [...new Set([groupOf(holder), ...heard.groupsOf(holder, now())])]
    const counts = await Promise.all(
      groups.map(async (group) => {
        const count = await insist(what, () => store[what](group, holder))
        if (count === 0 || what === 'drop') heard.leave(holder, group)
        return count
      }),
    )
    doubtful.release()
    return counts.reduce((sum, count) => sum + count, 0)
  }

  const decide = (wanted: readonly Wanted[], holds: boolean, inFlight: readonly number[]) =>
    wanted.map((one, i) => decideInFlight(one, { inFlight: inFlight[i] ?? 0, holds, retryMs }))

  const look = async (group: string, wanted: readonly Wanted[]): Promise<Decision> => {
    const limits = decide(wanted, false, await store.look(group, wanted))
    return { allowed: limits.every(({ allowed }) => allowed), limits }
  }

  const hold = async (lease: Attempt, wanted: readonly Wanted[], isOver: IsOver): Promise<Decision> => {
    const { holds, inFlight } = await store.hold(lease, wanted)
    if (!holds) heard.remove(lease.id)
    else if (!isOver()) heard.add(lease, lease.group, now())
    return { allowed: holds, limits: decide(wanted, holds, inFlight) }
  }

  /** Without the server. */
  const holdAlone = (lease: LeaseOf, group: string, wanted: readonly Wanted[]): Decision => {
    if (!heard.has(lease.id, now())) return alone.acquire(wanted, lease)
    heard.add(lease, group, now())
    const full = wanted.map(({ most: inFlight }) => inFlight) // what is left nobody knows
    return { allowed: true, limits: decide(wanted, true, full), degraded: true }
  }

  return {
    async acquire(asks, lease) {
      const wanted = most.wanted(asks)
      if (wanted.length === 0) return { allowed: true, limits: [] }
      const group = groupOfAll(wanted, groupOf, lease.id)
      if (isLook(wanted))
        return server.run(
          () => look(group, wanted),
          () => alone.acquire(wanted, lease),
        )
      let sent: Attempt | undefined
      return server.run(
        (isOver) => {
          sent = { ...lease, group, by: doubtful.remove(lease.id) ?? fresh() }
          return hold(sent, wanted, isOver)
        },
        () => {
          if (sent) doubtful.add(sent)
          return holdAlone(lease, group, wanted)
        },
      )
    },
    async release(id) {
      heard.remove(id)
      const lease = { id, group: groupOf(id), by: '' }
      if (!alone.release(id)) return insist('release', () => store.release(lease))
      doubtful.add(lease)
      return true
    },
    async renew(holder) {
      const own = alone.renew(holder)
      return own + (await everywhere('renew', holder))
    },
    async drop(holder) {
      const own = alone.drop(holder)
      return own + (await everywhere('drop', holder))
    },
    async reset(limit, key) {
      const wanted = { limit, key, cost: 0, most: most.of(limit) }
      const own = alone.reset(limit, key)
      return own + (await insist('reset', () => store.reset(groupOf(key), wanted)))
    },
    setLimit: most.set,
    async inFlight(limit, key) {
      const wanted = { limit, key, cost: 0, most: most.of(limit) }
      const [count = 0] = await insist('ask', () => store.look(groupOf(key), [wanted]))
      return count
    },
  }
}
