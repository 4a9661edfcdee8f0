import type { Logger } from 'pino'
import { unavailable } from '../../platform/errors.ts'
import type { Limiter } from './counting.ts'
import { countingAlone } from './counting-alone.ts'
import { checkCost } from './limiter/decision.ts'
import { gate } from './limiter/redis/failure.ts'
import { type SharedCountsOptions, sharedCounts } from './shared-counts.ts'

export interface SharedLimiterOptions extends SharedCountsOptions {
  /** Of the hash of the keys that are counted here while Redis is away. */
  readonly seed: number
  /** A check waits no longer for Redis; 50 in production. */
  readonly deadlineMs: number
  /** Among how many servers a limit is divided while Redis is away. */
  readonly liveServers: () => number
  readonly log: Logger
}

export interface SharedLimiter extends Limiter {
  /** Whether Redis is asked: not while it is taken for gone. */
  isReachable(): boolean
}

/** A reset waits longer: nothing hangs on it, and it is not to be lost. */
const PATIENCE = 20

/** Counts in Redis, shared by all servers: exact over them, one trip a request. Without an answer in time each limit says what it says. */
export const sharedLimiter = ({ seed, deadlineMs, liveServers, log, ...options }: SharedLimiterOptions): SharedLimiter => {
  const { now } = options
  const counts = sharedCounts(options)
  const alone = countingAlone({ now, seed, liveServers })
  let isGone = false

  const server = gate({
    deadlineMs,
    now,
    onFailure(error) {
      if (isGone || server.isOpen()) return
      isGone = true
      log.warn({ err: error }, 'Redis does not answer; until it does each rate limit answers by its on_unavailable')
    },
  })
  const patient = gate({ deadlineMs: PATIENCE * deadlineMs, now })

  return {
    isReachable: server.isOpen,
    async decide(asks, { take }) {
      for (const { cost } of asks) checkCost(cost)
      if (asks.length === 0) return []
      const answers = await server.run(() => counts.count(asks, take))
      if (!answers) return alone.decide(asks, { take })
      if (isGone) log.info('Redis answers again; rate limits are counted in it')
      isGone = false
      return answers
    },
    async reset(ask) {
      await alone.reset(ask)
      const done = await patient.run(async () => {
        await counts.forget(ask)
        return true
      })
      if (!done)
        throw unavailable(
          'rate_limit_counts_unreachable',
          'the counts of rate limits cannot be reached; reset the key again later',
        )
    },
  }
}
