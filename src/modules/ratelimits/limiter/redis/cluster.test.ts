import { Cluster } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeCluster, type RedisCluster, startRedisCluster } from '../../../../../test/harness/redis-cluster.ts'
import { admittedOfTwoThousand, repetitions } from '../../../../../test/harness/three-processes.ts'
import { leasedLimiter } from '../leases/limiter.ts'
import type { Policy } from '../policy.ts'
import { microseconds } from '../sources.ts'
import { redisLimiter } from './limiter.ts'

const HOUR = 3_600_000
const window: Policy = { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: HOUR, anchor: 'first_use' }
const bucket: Policy = { algorithm: 'TOKEN_BUCKET', capacity: 100, refill: { tokens: 1, perMs: HOUR } }
/** A hundred over all cases in CI. */
const TIMES = repetitions(4, 34)

describeCluster('on a Redis Cluster of three masters', () => {
  let cluster: RedisCluster
  let client: Cluster
  const urls = () => cluster.ports.map((port) => `redis://127.0.0.1:${port}`)
  beforeAll(async () => {
    cluster = await startRedisCluster()
    client = new Cluster(urls())
    await client.ping()
  }, 120_000)
  afterAll(async () => {
    client?.disconnect()
    await cluster?.stop()
  })

  const counted = (prefix: string) => (limits: Readonly<Record<string, Policy>>) =>
    redisLimiter({ client, prefix, limits, now: microseconds, deadlineMs: 20_000 })
  const sizes = (): Promise<readonly number[]> => Promise.all(cluster.masters.map((master) => master.dbsize()))

  const cases: readonly (readonly [name: string, policy: Policy, share?: number])[] = [
    ['a fixed window', window],
    ['a token bucket', bucket],
    ['a leased fixed window', window, 0.1],
  ]
  for (const [name, policy, share] of cases)
    test(`2,000 requests at once from three processes take exactly the 100 that ${name} holds, ${TIMES} times`, async () => {
      const admitted = await admittedOfTwoThousand({
        urls: urls(),
        prefix: name.replaceAll(' ', '-'),
        keys: Array.from({ length: TIMES }, (_, n) => `{t${n}}`),
        policy,
        ...(share !== undefined && { share }),
      })
      expect(admitted).toEqual(Array.from({ length: TIMES }, () => 100))
    }, 180_000)

  test('the groups lie on all masters, and the keys of one group together', async () => {
    await Promise.all(cluster.masters.map((master) => master.flushall()))
    const limiter = counted('groups')({ user: window, tenant: window })
    for (let n = 0; n < 60; n += 1) {
      const { allowed } = await limiter.acquire([
        { limit: 'user', key: `{t${n}}:u` },
        { limit: 'tenant', key: `{t${n}}` },
      ])
      expect(allowed).toBe(true)
    }
    const held = await sizes()
    expect(held.reduce((a, b) => a + b)).toBe(120)
    expect(held.every((size) => size > 0 && size % 2 === 0)).toBe(true)
  })

  test('a GLOBAL limit by lease goes with every tenant, all or nothing, and its slot is asked for blocks only', async () => {
    const all: Policy = { algorithm: 'FIXED_WINDOW', limit: 10_000, windowMs: HOUR, anchor: 'first_use' }
    const asks = (n: number) => [
      { limit: 'all', key: 'all' },
      { limit: 'tenant', key: `{t${n % 40}}` },
    ]
    const unleased = counted('plain')({ all, tenant: window })
    await expect(unleased.acquire(asks(0))).rejects.toThrow('different servers')

    let trips = 0
    const limiter = leasedLimiter({
      limits: { all, tenant: window },
      leases: { all: 0.02 },
      countedBy: (limits) => {
        const over = counted('global')(limits)
        return {
          ...over,
          acquire(wanted) {
            if (wanted.some(({ limit }) => limit === 'all')) trips += 1
            return over.acquire(wanted)
          },
        }
      },
      now: microseconds,
    })
    let admitted = 0
    for (let n = 0; n < 6_000; n += 200) {
      const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => limiter.acquire(asks(n + i))))
      admitted += answers.filter(({ allowed }) => allowed).length
    }
    // Forty tenants of a hundred each.
    expect(admitted).toBe(4_000)
    expect(trips).toBeLessThan(1_000)
    await limiter.close()
    const { limits: told } = await counted('global')({ all }).acquire([{ limit: 'all', key: 'all', cost: 0 }])
    expect(told[0]?.remaining).toBe(6_000)
  })
})
