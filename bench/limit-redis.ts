import { interleave, type PlainClaim, takeTurns } from './claim.ts'
import { requests } from './limit-keys.ts'
import { type Ask, bareScript, bucket, flexible, ourLimiter, upstash } from './redis-limiters.ts'
import { inFlight, withRedis } from './redis-place.ts'

const CONCURRENCY = 64
const KEYS = 10_000
/** Many short ones: what else the machine does then falls on both alike. */
const ROUND_MS = 400

/** One limit in Redis, against the least that counts one: EVALSHA of a script of GCRA and nothing else, on the same connection. */
export const limitRedis: PlainClaim = {
  name: 'limit-redis',
  unit: 'checks/s',
  goal: 0.9,
  measure: ({ short }) =>
    withRedis(async (place) => {
      const rounds = short ? 12 : 40
      const keys = requests(0).all().slice(0, KEYS)
      const acquire = ourLimiter(place, { api: bucket })
      const round = (ask: Ask) => () => inFlight(CONCURRENCY, ROUND_MS, (turn) => ask(keys[turn % KEYS] ?? ''))
      const bare = round(await bareScript(place))
      const { ours, reference } = await interleave(
        rounds,
        round((key) => acquire([{ limit: 'api', key }])),
        bare,
      )
      const [flexibly = 0, upstashs = 0] = await takeTurns(rounds / 4, [round(flexible(place)), round(upstash(place))])
      return {
        ours,
        reference,
        notes: [
          `${place.server}, ${CONCURRENCY} in flight on one connection, ${KEYS.toLocaleString('en')} keys, ${rounds} rounds of ${ROUND_MS / 1_000} s by turns, medians`,
          `rate-limiter-flexible ${Math.round(flexibly).toLocaleString('en')}, @upstash/ratelimit over the same connection ${Math.round(upstashs).toLocaleString('en')} checks/s`,
        ],
      }
    }),
}
