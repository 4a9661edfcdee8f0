import { type PlainClaim, takeTurns } from './claim.ts'
import { requests } from './limit-keys.ts'
import { bareScript, bucket, flexible, ourLimiter, upstash } from './redis-limiters.ts'
import { inFlight, withRedis } from './redis-place.ts'

const CONCURRENCY = 64
const KEYS = 10_000

/** One limit in Redis, against the least that counts one: EVALSHA of a script of GCRA and nothing else, on the same connection. */
export const limitRedis: PlainClaim = {
  name: 'limit-redis',
  unit: 'checks/s',
  goal: 0.9,
  measure: ({ short }) =>
    withRedis(async (place) => {
      const milliseconds = short ? 1_000 : 2_000
      const rounds = short ? 3 : 9
      const keys = requests(0).all().slice(0, KEYS)
      const acquire = ourLimiter(place, { api: bucket })
      const asks = [(key: string) => acquire([{ limit: 'api', key }]), await bareScript(place), flexible(place), upstash(place)]
      const [ours = 0, reference = 0, flexibly = 0, upstashs = 0] = await takeTurns(
        rounds,
        asks.map((ask) => () => inFlight(CONCURRENCY, milliseconds, (turn) => ask(keys[turn % KEYS] ?? ''))),
      )
      return {
        ours,
        reference,
        notes: [
          `${place.server}, ${CONCURRENCY} in flight on one connection, ${KEYS.toLocaleString('en')} keys, ${rounds} rounds of ${milliseconds / 1_000} s by turns, medians`,
          `rate-limiter-flexible ${Math.round(flexibly).toLocaleString('en')}, @upstash/ratelimit over the same connection ${Math.round(upstashs).toLocaleString('en')} checks/s`,
        ],
      }
    }),
}
