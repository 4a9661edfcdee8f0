import { type PlainClaim, takeTurns } from './claim.ts'
import { requests } from './limit-keys.ts'
import { bareScript, bucket, flexible, ourLimiter } from './redis-limiters.ts'
import { inFlight, withRedis } from './redis-place.ts'

const CONCURRENCY = 64
const KEYS = 10_000
const LIMITS = ['user', 'tenant', 'endpoint', 'global'] as const

/** Four limits of a request in one trip, all or nothing, against four trips one after the other, each of one limit. */
export const limitRedisFour: PlainClaim = {
  name: 'limit-redis-four',
  unit: 'requests/s',
  goal: 2.5,
  measure: ({ short }) =>
    withRedis(async (place) => {
      const milliseconds = short ? 1_000 : 2_000
      const rounds = short ? 3 : 9
      const acquire = ourLimiter(place, Object.fromEntries(LIMITS.map((limit) => [limit, bucket])))
      const bare = await bareScript(place)
      const peer = flexible(place)
      // The braces keep a request's four keys on one server of a Redis Cluster.
      const wanted = requests(0)
        .all()
        .slice(0, KEYS)
        .map((key) => LIMITS.map((limit) => ({ limit, key: `{${key}}:${limit}` })))
      const asksOf = (turn: number) => wanted[turn % KEYS] ?? []
      const oneByOne =
        (ask: (one: { readonly limit: string; readonly key: string }) => Promise<void>) => async (turn: number) => {
          for (const one of asksOf(turn)) await ask(one)
        }
      const ways = [
        (turn: number) => acquire(asksOf(turn)),
        oneByOne((one) => acquire([one])),
        oneByOne(({ key }) => bare(key)),
        oneByOne(({ key }) => peer(key)),
      ]
      const [ours = 0, reference = 0, bares = 0, peers = 0] = await takeTurns(
        rounds,
        ways.map((way) => () => inFlight(CONCURRENCY, milliseconds, way)),
      )
      const [together = 0, apart = 0] = await takeTurns(
        rounds,
        ways.slice(0, 2).map((way) => () => inFlight(1, milliseconds / 4, way)),
      )
      return {
        ours,
        reference,
        notes: [
          `${place.server}, ${CONCURRENCY} requests in flight on one connection, ${rounds} rounds of ${milliseconds / 1_000} s by turns, medians`,
          `four trips of the bare script ${Math.round(bares).toLocaleString('en')}, of rate-limiter-flexible ${Math.round(peers).toLocaleString('en')} requests/s`,
          `with one request in flight the ratio is ${(together / apart).toFixed(2)}`,
        ],
      }
    }),
}
