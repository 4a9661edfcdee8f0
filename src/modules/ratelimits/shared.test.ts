import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { asksFor, changedLimit, type Said } from '../../../test/factories/changed-limit.ts'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { silent } from '../../../test/harness/database.ts'
import { describeRedis, openRedis, redisUrl } from '../../../test/harness/redis.ts'
import { openRedis as connect } from '../../platform/redis/connection.ts'
import type { CountAsk, Limiter } from './counting.ts'
import { inProcessLimiter } from './in-process.ts'
import type { LimitScope } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import { PUBLISHED_CASES } from './limiter/published-cases.ts'
import { microseconds } from './limiter/sources.ts'
import { sharedLimiter } from './shared.ts'

const ask = (policy: Policy, key: string, { cost = 1, limitId = 'rl_1' } = {}): CountAsk =>
  countAsk(limitId, policy, { key, cost })

/** The start of a day, of an hour, of a minute. */
const START_MS = 19_675 * 86_400_000
const HOUR = 3_600_000
const window = (limit: number, windowMs = HOUR): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs, anchor: 'first_use' })
const sliding = (limit: number, windowMs = HOUR): Policy => ({ algorithm: 'SLIDING_WINDOW', limit, windowMs })
const bucket = (capacity: number, perMs = HOUR): Policy => ({ algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 1, perMs } })

describeRedis('counts in Redis', () => {
  const { redis, prefix } = openRedis()
  let stands = 0
  /** Under a time that is told, as one server or as nodes of a Cluster. */
  const told = (isCluster = false) => {
    stands += 1
    let time = 1_000_000_000
    const now = () => time
    const limiter = sharedLimiter({
      client: redis,
      isCluster,
      prefix: `${prefix}-${stands}`,
      now,
      serverTime: now,
      seed: 1,
      deadlineMs: 60_000,
      liveServers: () => 1,
      log: silent,
    })
    const travelTo = (us: number): void => {
      time = us
    }
    const said: Said[] = []
    /** One key of a limit that changes, under the version of this number. */
    const takeBy = async (policy: Policy, version: number, cost: number) => {
      said.splice(version - 1, said.length, { policy, sinceMs: time / 1_000 })
      const asks = asksFor(changedLimit('rl_1', said), { tenantId: 'a' }, { atMs: time / 1_000, cost })
      return (await limiter.decide(asks, { take: true }))[0]
    }
    return { limiter, now, travelTo, takeBy }
  }

  test.each(
    PUBLISHED_CASES.filter(({ windows, needs }) => !windows && needs !== 'giving_back').map((one) => [one.id, one] as const),
  )('the published case %s is met', async (_id, { policy: first, before = 0, steps }) => {
    const { travelTo, takeBy } = told()
    travelTo((START_MS + (steps[0]?.[0] ?? 0)) * 1_000)
    for (let n = 0; n < before; n += 1) await takeBy(first, 1, 1)
    let [policy, version] = [first, 1]
    for (const [ms, cost, fits, remaining, { reset, retry, policy: changed } = {}] of steps) {
      travelTo((START_MS + ms) * 1_000)
      if (changed) [policy, version] = [changed, version + 1]
      const answer = await takeBy(policy, version, cost)
      expect(answer).toMatchObject({ fits, remaining, degraded: false })
      if (reset !== undefined) expect(answer?.resetMs).toBe(reset)
      if (retry !== undefined) expect(answer?.retryAfterMs).toBe(retry >= 0 ? retry : fits ? 0 : Number.POSITIVE_INFINITY)
    }
  })

  const spend = (limit: string, windowMs: number): Policy => ({ algorithm: 'COST_BASED', limit, windowMs })
  const shaper = (perMs: number): Policy => ({
    algorithm: 'LEAKY_BUCKET',
    capacity: 10,
    leak: { amount: 1, perMs },
    mode: 'shaper',
  })
  const of = (endpoint: string, policy: Policy | null) => ({ match: { endpoint }, policy })
  const ofTenant = (tenantId: string, policy: Policy) => ({ match: { tenantId }, policy })
  /** Limits, and what they say one version after the other, over and over. */
  const LIMITS: readonly { readonly scopes: readonly LimitScope[]; readonly says: readonly Said[] }[] = [
    {
      scopes: ['PER_TENANT'],
      says: [
        { policy: window(7, 1_000), overrides: [of('chat', window(5, 1_700)), of('e*', window(6, 1_000))] },
        { policy: window(9, 1_000), overrides: [of('chat', window(4, 2_300)), of('e*', window(6, 2_900))] },
        { policy: window(7, 1_700), overrides: [ofTenant('a', window(5, 900)), of('e*', null)] },
      ],
    },
    {
      scopes: ['PER_TENANT', 'PER_USER'],
      says: [
        { policy: sliding(10, 2_000), overrides: [of('chat', sliding(8, 3_100))] },
        { policy: sliding(5, 2_000) },
        { policy: sliding(10, 3_100), overrides: [of('chat', sliding(8, 2_000))] },
      ],
    },
    {
      scopes: ['PER_TENANT'],
      says: [
        { policy: bucket(10, 300), overrides: [of('chat', bucket(5, 500))] },
        { policy: bucket(14, 300) },
        { policy: bucket(10, 700), overrides: [of('embed', bucket(5, 500))] },
      ],
    },
    { scopes: ['GLOBAL'], says: [{ policy: shaper(90), overrides: [ofTenant('b', shaper(110))] }, { policy: shaper(200) }] },
    {
      scopes: ['PER_IP'],
      says: [
        { policy: spend('0.00000000001', 1_500), overrides: [of('chat', spend('0.00000000002', 900))] },
        { policy: spend('0.000000000003', 1_500) },
        { policy: spend('0.00000000001', 2_500), overrides: [of('chat', spend('0.00000000002', 700))] },
        { policy: spend('20000', 3_500) },
      ],
    },
    {
      scopes: ['PER_TENANT', 'PER_ENDPOINT'],
      says: [
        { policy: { algorithm: 'FIXED_WINDOW', limit: 8, anchor: { unit: 'minute', timeZone: 'Europe/Berlin' } } },
        { policy: window(8, 60_000), overrides: [of('chat', window(3, 30_000))] },
      ],
    },
  ]
  interface RequestOf {
    readonly limit: number
    readonly tenantId: string
    readonly endpoint: string
    readonly cost: number
  }
  const oneAsk: fc.Arbitrary<RequestOf> = fc.record({
    limit: fc.nat(LIMITS.length - 1),
    tenantId: fc.constantFrom('a', 'b'),
    endpoint: fc.constantFrom('chat', 'embed', 'list'),
    cost: fc.nat(9),
  })
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        gapMs: fc.nat(900),
        take: fc.boolean(),
        asks: fc.uniqueArray(oneAsk, { selector: ({ limit }) => limit, minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ changed: fc.nat(LIMITS.length - 1) }) },
    { weight: 1, arbitrary: fc.record({ reset: oneAsk }) },
  )

  test.each([
    ['on one server', false],
    ['group by group, as on a Cluster', true],
  ])(
    'over any limits, changes, costs and times %s they answer as those of one process do, step by step',
    { timeout: 120_000 },
    async (_name, isCluster) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60, size: 'max' }), async (steps) => {
          const { limiter, now, travelTo } = told(isCluster)
          const peer = inProcessLimiter({ now, seed: 1 })
          const said = LIMITS.map(({ scopes, says }) => says.slice(0, 1).map((first): Said => ({ ...first, scopes, sinceMs: 0 })))
          const change = (limit: number): void => {
            const { scopes, says } = LIMITS[limit] as (typeof LIMITS)[number]
            const next = says[(said[limit]?.length ?? 0) % says.length] as Said
            said[limit]?.push({ ...next, scopes, sinceMs: now() / 1_000 })
          }
          const asked = ({ limit, tenantId, endpoint, cost }: RequestOf): readonly CountAsk[] => {
            const subject = { tenantId, endpoint, userId: 'u', ip: '192.0.2.7' }
            const counted = changedLimit(`rl_${limit}`, said[limit] ?? [])
            return asksFor(counted, subject, { atMs: now() / 1_000, cost })
          }
          for (const one of steps) {
            if ('changed' in one) change(one.changed)
            else if ('reset' in one)
              for (const ask of asked(one.reset)) await Promise.all([limiter, peer].map((each) => each.reset(ask)))
            else {
              travelTo(now() + one.gapMs * 1_000)
              const asks = one.asks.flatMap(asked)
              const expected = await peer.decide(asks, { take: one.take })
              expect(await limiter.decide(asks, { take: one.take })).toEqual(expected)
            }
          }
        }),
        { numRuns: 60, seed: 20_260_301 },
      )
    },
  )

  test('of a spend beyond what a number holds exactly all comes along under another window', async () => {
    const { takeBy } = told()
    const take = (windowMs: number, version: number, cost: number) =>
      takeBy({ algorithm: 'COST_BASED', limit: '20000', windowMs }, version, cost)
    for (let n = 0; n < 4; n += 1) await take(60_000, 1, 4e15)
    expect(await take(60_000, 1, 0)).toMatchObject({ remaining: 4e15 })
    expect(await take(90_000, 2, 0)).toMatchObject({ remaining: 4e15 })
  })

  test('a bucket so much larger that it is counted in other units keeps what was taken', async () => {
    const { takeBy } = told()
    const take = (capacity: number, version: number, cost: number) => takeBy(bucket(capacity), version, cost)
    await take(1_000_000, 1, 700_000)
    expect(await take(10_000_000, 2, 0)).toMatchObject({ remaining: 9_300_000 })
    expect(await take(1_000_000, 3, 0)).toMatchObject({ remaining: 300_000 })
  })

  /** A server of its own, with a connection of its own. */
  const servers: { close(): void }[] = []
  afterAll(() => {
    for (const { close } of servers) close()
  })
  const server = async (name: string, isCluster = false): Promise<Limiter> => {
    const connection = await connect({ urls: [redisUrl], isCluster: false }, silent)
    servers.push(connection)
    return sharedLimiter({
      client: connection.client,
      isCluster,
      prefix: `${prefix}-${name}`,
      now: microseconds,
      seed: 1,
      deadlineMs: 60_000,
      liveServers: () => 1,
      log: silent,
    })
  }
  const admitted = async (requests: readonly (readonly CountAsk[])[], limiters: readonly Limiter[]): Promise<number> => {
    const answers = await Promise.all(
      requests.map((asks, i) => (limiters[i % limiters.length] as Limiter).decide(asks, { take: true })),
    )
    return answers.filter((all) => all.every(({ fits, degraded }) => fits && !degraded)).length
  }

  test.each([
    ['fixed', window(100)],
    ['sliding', sliding(100)],
    ['bucket', bucket(100)],
  ])('of 2,000 requests at once to three servers against 100 exactly 100 pass: %s', { timeout: 60_000 }, async (name, policy) => {
    const limiters = await Promise.all([1, 2, 3].map(() => server(name)))
    expect(await admitted(Array(2_000).fill([ask(policy, 'tenant=a')]), limiters)).toBe(100)
  })

  test('on a Cluster what a later group refuses is given back: no tenant has paid for a request that did not pass', {
    timeout: 60_000,
  }, async () => {
    const limiters = await Promise.all([1, 2].map(() => server('groups', true)))
    const [broad, narrow] = [sliding(100), sliding(1_000)]
    const requestOf = (tenant: number) => [
      ask(broad, 'global', { limitId: 'rl_broad' }),
      ask(narrow, `tenant=${tenant}`, { limitId: 'rl_narrow' }),
    ]
    const passed = await admitted(
      Array.from({ length: 2_000 }, (_, i) => requestOf(i % 10)),
      limiters,
    )
    expect(passed).toBe(100)
    const [one] = limiters
    const left = await Promise.all(
      Array.from({ length: 10 }, async (_, tenant) => (await one?.decide(requestOf(tenant), { take: false })) ?? []),
    )
    expect(left.map(([first]) => first?.remaining)).toEqual(Array(10).fill(0))
    expect(left.reduce((sum, [, second]) => sum + 1_000 - (second?.remaining ?? 0), 0)).toBe(100)
  })

  test('what a tenant is refused by its own limit never touches what all share', async () => {
    const limiter = await server('shared', true)
    const asks = (cost: number) => [
      ask(sliding(100), 'global', { limitId: 'rl_broad', cost }),
      ask(sliding(0), 'tenant=a', { limitId: 'rl_narrow' }),
    ]
    expect(await limiter.decide(asks(100), { take: true })).toMatchObject([{ fits: true, remaining: 100 }, { fits: false }])
    expect(await limiter.decide(asks(101), { take: true })).toMatchObject([{ fits: false }, { fits: false }])
  })
})
