import { interleave, type PlainClaim, takeTurns } from './claim.ts'
import { requests } from './limit-keys.ts'
import { bareScript, bucket, flexible, ourLimiter } from './redis-limiters.ts'
import { inFlight, withRedis } from './redis-place.ts'

const CONCURRENCY = 64
const KEYS = 10_000
/** Many short ones: what else the machine does then falls on both alike. */
const ROUND_MS = 400
const LIMITS = ['user', 'tenant', 'endpoint', 'global'] as const

/** Four limits of a request in one trip, all or nothing, against four trips one after the other, each of one limit. */
export const limitRedisFour: PlainClaim = {
  name: 'limit-redis-four',
  unit: 'requests/s',
  goal: 2.5,
  measure: ({ short }) =>
    withRedis(async (place) => {
      const rounds = short ? 12 : 40
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
      const inOne = (turn: number) => acquire(asksOf(turn))
      const inFour = oneByOne((one) => acquire([one]))
      const round = (way: (turn: number) => Promise<void>, lanes: number) => () => inFlight(lanes, ROUND_MS, way)
      const { ours, reference } = await interleave(rounds, round(inOne, CONCURRENCY), round(inFour, CONCURRENCY))
      const alone = await interleave(rounds / 4, round(inOne, 1), round(inFour, 1))
      const [bares = 0, peers = 0] = await takeTurns(rounds / 4, [
        round(
          oneByOne(({ key }) => bare(key)),
          CONCURRENCY,
        ),
        round(
          oneByOne(({ key }) => peer(key)),
          CONCURRENCY,
        ),
      ])
      return {
        ours,
        reference,
        notes: [
          `${place.server}, ${CONCURRENCY} requests in flight on one connection, ${rounds} rounds of ${ROUND_MS / 1_000} s by turns, medians`,
          `four trips of the bare script ${Math.round(bares).toLocaleString('en')}, of rate-limiter-flexible ${Math.round(peers).toLocaleString('en')} requests/s`,
          `with one request in flight the ratio is ${(alone.ours / alone.reference).toFixed(2)}`,
        ],
      }
    }),
}
