import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asksFor, changedLimit, type Said } from '../../../test/factories/changed-limit.ts'
import { silent } from '../../../test/harness/database.ts'
import { describeCluster } from '../../../test/harness/redis-cluster.ts'
import { openRedisProcess, type RedisProcess } from '../../../test/harness/redis-process.ts'
import type { CountAnswer, CountAsk } from './counting.ts'
import { inProcessLimiter } from './in-process.ts'
import type { LimitScope } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import { sharedLimiter } from './shared.ts'

/** The start of a day, in microseconds. */
const START = 19_675 * 86_400_000_000
const HOUR = 3_600_000
const window = (limit: number, windowMs = HOUR): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs })
const bucket = (capacity: number): Policy => ({ algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 1, perMs: 90 } })

/** Version by version, over and over. */
const LIMITS: readonly (readonly (readonly [Policy, leased: boolean])[])[] = [
  [
    [window(150), true],
    [window(300), true],
    [window(120), false],
    [window(200, 2 * HOUR), true],
  ],
  [[window(400), true]],
  [
    [bucket(30), false],
    [bucket(20), false],
  ],
  [[window(90), false]],
]
/** What each limit counts apart, and whose requests it gets. */
const KEYS: readonly { readonly scopes: readonly LimitScope[]; readonly tenantId?: string }[] = [
  { scopes: ['GLOBAL'] },
  { scopes: ['PER_TENANT', 'PER_USER'] },
  { scopes: ['PER_TENANT', 'PER_USER'] },
  { scopes: ['PER_TENANT', 'PER_USER'], tenantId: 'b' },
]

const oneAsk = fc.record({ limit: fc.nat(LIMITS.length - 1), other: fc.boolean(), cost: fc.nat(9) })
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      gapMs: fc.oneof({ weight: 30, arbitrary: fc.nat(90).map((n) => 10 * n) }, { weight: 1, arbitrary: fc.constant(HOUR / 2) }),
      times: fc.integer({ min: 1, max: 12 }),
      take: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      asks: fc.uniqueArray(oneAsk, { selector: ({ limit }) => limit, minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ changed: fc.nat(LIMITS.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ reset: oneAsk }) },
  { weight: 2, arbitrary: fc.constant({ isSwept: true }) },
)

// A Redis that nobody else flushes: what is given back is then executed before what is asked next.
describeCluster('leased limits of one server', () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await openRedisProcess()
  }, 60_000)
  afterAll(() => redis?.close())
  let stands = 0

  test.each([
    ['on one Redis', false],
    ['group by group, as on a Cluster', true],
  ])('answer as those that are counted in the process, step by step: %s', { timeout: 120_000 }, async (_name, isCluster) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
        stands += 1
        let time = START
        const now = () => time
        const limiter = sharedLimiter({
          client: redis.admin,
          isCluster,
          prefix: `model-${stands}`,
          now,
          serverTime: now,
          seed: 1,
          deadlineMs: 60_000,
          liveServers: () => 1,
          log: silent,
        })
        const peer = inProcessLimiter({ now, seed: 1 })
        const said = LIMITS.map((): Said[] => [])
        const change = (limit: number): void => {
          const terms = LIMITS[limit] ?? []
          const [policy, leased] = terms[(said[limit]?.length ?? 0) % terms.length] ?? [window(0), false]
          said[limit]?.push({ policy, leased, sinceMs: now() / 1_000 })
        }
        for (const limit of LIMITS.keys()) change(limit)
        const asked = ({ limit, other, cost }: { limit: number; other: boolean; cost: number }): CountAsk => {
          const { scopes, tenantId = 'a' } = KEYS[limit] ?? {}
          const counted = changedLimit(
            `rl_${limit}`,
            (said[limit] ?? []).map((one) => ({ ...one, ...(scopes && { scopes }) })),
          )
          // One token is in a block or in Redis; of several, part may be in each.
          const own = limit < 2 ? Math.min(cost, 1) : cost
          const subject = { tenantId, userId: other ? 'u' : 'v' }
          const [asked] = asksFor(counted, subject, { atMs: now() / 1_000, cost: own })
          if (!asked) throw new Error('the limit does not meet the request')
          return asked
        }
        const told = (answers: readonly CountAnswer[]) =>
          answers.map(({ fits, remaining, degraded }) => ({ fits, remaining, degraded }))
        await limiter.reset(asked({ limit: 0, other: false, cost: 0 }))
        for (const one of steps) {
          if ('changed' in one) change(one.changed)
          else if ('reset' in one) await Promise.all([limiter, peer].map((each) => each.reset(asked(one.reset))))
          else if ('isSwept' in one) limiter.sweepLeases()
          else {
            time += one.gapMs * 1_000
            const asks = one.asks.map(asked)
            for (let n = 0; n < one.times; n += 1) {
              const expected = told(await peer.decide(asks, { take: one.take }))
              expect(told(await limiter.decide(asks, { take: one.take }))).toEqual(expected)
            }
          }
        }
      }),
      { numRuns: 60, seed: 20_260_301 },
    )
  })
})
