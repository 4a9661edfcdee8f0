import { PolicyError } from '../compile.ts'
import type { Ask, Decision } from '../decision.ts'
import type { Policy } from '../policy.ts'
import type { Settlement } from '../reservation.ts'
import { gate } from './failure.ts'
import { fallback, type OnFailure } from './fallback.ts'
import { type OperationsOptions, operations, type Sending } from './operations.ts'

export interface RedisLimiterOptions extends OperationsOptions {
  /** A check waits no longer for the server; 50 unless told. */
  readonly deadlineMs?: number
  /** By limit, what is answered when the server does not: `local` unless told. */
  readonly onFailure?: Readonly<Record<string, OnFailure>>
  /** Among how many servers a limit is divided while theirs is gone; 1 unless told. */
  readonly liveServers?: () => number
  /** Told of each failure, for the log and the metrics. */
  readonly onError?: (error: unknown) => void
  /** Of the hash of local keys: random in a server. */
  readonly seed?: number
}

/**
 * The server did not answer, and what was to be told it cannot be made up. It may be told again, for a second time changes nothing; except
 * what is given back: nobody knows whether it was.
 */
export class LimiterUnavailable extends Error {
  readonly code = 'limiter_unavailable'
}

/** A limiter whose counts are in Redis or Valkey, single or Cluster, for all servers of an application. */
export interface RedisLimiter {
  /**
   * All of several limits or none of them, in one round trip. A limit may stand in it once. Answers within the deadline; without the server
   * as `onFailure` says, `degraded`. Rejects with RangeError for a mistake of the caller, and never else.
   */
  acquire(asks: readonly Ask[]): Promise<Decision>
  /** As `acquire`, and remembers it under `id` until the truth is told. Rejects with RangeError for an id that is in use. */
  reserve(id: string, asks: readonly Ask[], ttlMs: number): Promise<Decision>
  /** Puts the true costs, one by limit, in the place of the estimate; beyond the limit they are debt. A second time changes nothing. Rejects with RangeError for a limit it is not of. */
  settle(id: string, costs: Readonly<Record<string, number>>): Promise<Settlement>
  /** Gives the estimate back. A second time changes nothing. */
  release(id: string): Promise<Settlement>
  /** Gives back what was taken in the window or bucket that runs; never more than was taken. Twice gives back twice: do not repeat it. */
  giveBack(limit: string, key: string, amount: number): Promise<void>
  /** Forgets a key: as if never used. */
  reset(limit: string, key: string): Promise<void>
  /**
   * At once for what is asked here from now on; what was taken stays taken. Each server is told by itself: until it is, it counts by its own
   * number over the same counts. Throws PolicyError for a policy of another algorithm, window or pace, by which they would mean something else.
   */
  setPolicy(limit: string, policy: Policy): void
}

/** Beyond it a timer of JavaScript ends at once; a deadline that long is none. */
const LONGEST_MS = 60_000

const checkFailure = (limits: readonly string[], deadlineMs: number, onFailure: Readonly<Record<string, OnFailure>>): void => {
  if (!(deadlineMs >= 1 && deadlineMs <= LONGEST_MS))
    throw new PolicyError(`deadlineMs is ${deadlineMs}, and must be from 1 to ${LONGEST_MS}`)
  const unknown = Object.keys(onFailure).find((name) => !limits.includes(name))
  if (unknown !== undefined)
    throw new PolicyError(`onFailure names '${unknown}', which is no limit; there are ${limits.join(', ')}`)
}

/** Throws PolicyError. Of a client of ioredis `enableOfflineQueue: false` is best: what nobody waits for any more is then not sent later. */
export const redisLimiter = (options: RedisLimiterOptions): RedisLimiter => {
  const { limits, now, deadlineMs = 50, onFailure = {}, liveServers = () => 1, onError, seed = 0 } = options
  checkFailure(Object.keys(limits), deadlineMs, onFailure)
  const store = operations(options)
  const server = gate({ deadlineMs, now, ...(onError && { onFailure: onError }) })
  const alone = fallback({ limits, onFailure, liveServers, now, seed })

  /** Waits longer: nothing hangs on it, and what it says is not to be lost. */
  const patient = gate({ deadlineMs: 20 * deadlineMs, now, ...(onError && { onFailure: onError }) })
  const insist = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const done = await patient.run(
      async () => ({ answer: await work() }),
      () => undefined,
    )
    if (!done) throw new LimiterUnavailable(`the limiter's server does not answer: ${what}`)
    return done.answer
  }

  return {
    acquire(asks) {
      let taking: Sending<Decision>
      try {
        taking = store.take(asks)
      } catch (mistake) {
        return Promise.reject(mistake)
      }
      return server.run(taking, () => alone.acquire(asks))
    },
    reserve: async (id, asks, ttlMs) => server.run(store.hold(id, asks, ttlMs), () => alone.reserve(id, asks, ttlMs)),
    settle: async (id, costs) => alone.settle(id, costs) ?? insist('settle again later', () => store.settle(id, costs)),
    release: async (id) => alone.release(id) ?? insist('release again later', () => store.release(id)),
    giveBack: (limit, key, amount) =>
      insist('what was to be given back may have been', () => store.giveBack({ limit, key, cost: amount })),
    reset: (limit, key) => insist('reset again later', () => store.forget(limit, key)),
    setPolicy(limit, policy) {
      store.setPolicy(limit, policy)
      alone.setPolicy(limit, policy)
    },
  }
}
