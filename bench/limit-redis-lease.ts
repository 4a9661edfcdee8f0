import { setImmediate } from 'node:timers/promises'
import type { Policy } from '../src/modules/ratelimits/limiter/index.ts'
import { leasedLimiter } from '../src/modules/ratelimits/limiter/leases/limiter.ts'
import { redisLimiter } from '../src/modules/ratelimits/limiter/redis/limiter.ts'
import { microseconds } from '../src/modules/ratelimits/limiter/sources.ts'
import { interleave, type PlainClaim } from './claim.ts'
import { ourLimiter } from './redis-limiters.ts'
import { inFlight, type RedisPlace, withRedis } from './redis-place.ts'
import { seeded, zipf } from './zipf.ts'

const CONCURRENCY = 64
const KEYS = 10_000
const DRAWN = 1_000_000
const SEED = 20_260_101
/** Until every key that is asked for has its block: what is measured is what lasts. */
const [FIRST_WARM_MS, WARM_MS] = [4_000, 500]
/** Never reached within a run. */
const policy = { algorithm: 'FIXED_WINDOW', limit: 100_000_000, windowMs: 60_000 } as const
const SHARE = 0.02
/** Fewer than four blocks left: each request asks Redis. Its window lasts for the run. */
const NEARLY = { ...policy, windowMs: 3_600_000, anchor: 'first_use' } as const
const USED_SHARE = 0.95
/** A block answers without a turn of the event loop, and a server's requests come in by turns: after so many answers all in flight wait for one. */
const ANSWERS_A_TURN = 1_000

/** Its sweep runs while it is measured only: what it gives back would keep the other's answers waiting. */
const leasedLanes = (
  { redis, prefix }: RedisPlace,
  milliseconds: number,
  keyOf: (turn: number) => string,
  api: Policy = policy,
) => {
  let [trips, warmMs] = [0, FIRST_WARM_MS]
  const limiter = leasedLimiter({
    limits: { api },
    leases: { api: SHARE },
    countedBy: (limits) => {
      const counted = redisLimiter({ client: redis, limits, prefix: `${prefix}-leased`, now: microseconds, deadlineMs: 10_000 })
      return {
        ...counted,
        acquire(asks) {
          trips += 1
          return counted.acquire(asks)
        },
      }
    },
    now: microseconds,
  })
  const ask = async (turn: number): Promise<void> => {
    const { allowed, degraded } = await limiter.acquire([{ limit: 'api', key: keyOf(turn) }])
    if (!allowed || degraded) throw new Error('a request was refused under a limit that nobody reaches')
    if (turn % ANSWERS_A_TURN < CONCURRENCY) await setImmediate()
  }
  const measure = async (): Promise<number> => {
    const timer = setInterval(limiter.sweep, limiter.sweepEveryMs)
    try {
      await inFlight(CONCURRENCY, warmMs, ask)
      warmMs = WARM_MS
      return await inFlight(CONCURRENCY, milliseconds, ask)
    } finally {
      clearInterval(timer)
    }
  }
  const use = async (cost: number): Promise<void> => {
    await limiter.acquire([{ limit: 'api', key: keyOf(0), cost }])
  }
  return { measure, use, trips: () => trips }
}

/** One limit whose keys are drawn by Zipf's law, and one with a single key, from blocks against a round trip each, on one connection. */
export const limitRedisLease: PlainClaim = {
  name: 'limit-redis-lease',
  unit: 'checks/s',
  goal: 10,
  measure: ({ short }) =>
    withRedis(async (place) => {
      const milliseconds = short ? 1_000 : 2_000
      const rounds = short ? 3 : 9
      const draw = zipf(KEYS, seeded(SEED))
      const drawn = Array.from({ length: DRAWN }, () => `key_${draw().toString(16).padStart(16, '0')}`)
      const byZipf = (turn: number): string => drawn[turn % DRAWN] ?? ''
      const hot = (): string => 'everybody'
      const acquire = ourLimiter(place, { api: policy })
      const each = (keyOf: (turn: number) => string) => () =>
        inFlight(CONCURRENCY, milliseconds, (turn) => acquire([{ limit: 'api', key: keyOf(turn) }]))
      const [spread, single] = [leasedLanes(place, milliseconds, byZipf), leasedLanes(place, milliseconds, hot)]
      const { ours, reference } = await interleave(rounds, spread.measure, each(byZipf))
      const one = await interleave(rounds, single.measure, each(hot))
      const nearly = leasedLanes(place, milliseconds, () => 'nearly used up', NEARLY)
      await nearly.use(policy.limit * USED_SHARE)
      const asking = await nearly.measure()
      return {
        ours,
        reference,
        also: [{ what: 'one hot key', ratio: one.ours / one.reference, goal: 10 }],
        notes: [
          `each key has ${policy.limit.toLocaleString('en')} in a fixed window of ${policy.windowMs / 1_000} s, which nobody reaches; blocks of at most ${SHARE * 100} %`,
          `${place.server}, ${CONCURRENCY} in flight on one connection, ${KEYS.toLocaleString('en')} keys by Zipf's law, ${rounds} rounds of ${milliseconds / 1_000} s by turns, medians`,
          `one hot key ${Math.round(one.ours).toLocaleString('en')} against ${Math.round(one.reference).toLocaleString('en')} checks/s; trips ${spread.trips()} and ${single.trips()}`,
          `one hot key of whose limit ${USED_SHARE * 100} % are used ${Math.round(asking).toLocaleString('en')} checks/s: below four blocks each request asks Redis`,
        ],
      }
    }),
}
