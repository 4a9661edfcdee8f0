import { Cluster } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { silent } from '../../../test/harness/database.ts'
import { describeCluster, type RedisCluster, startRedisCluster } from '../../../test/harness/redis-cluster.ts'
import type { CountAsk } from './counting.ts'
import type { Policy } from './limiter/policy.ts'
import { microseconds } from './limiter/sources.ts'
import { type SharedLimiter, sharedLimiter } from './shared.ts'

const window = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 3_600_000, anchor: 'first_use' })

describeCluster('a limit that all share, on a Redis Cluster of three masters', () => {
  let cluster: RedisCluster
  let client: Cluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
    client = new Cluster(cluster.ports.map((port) => `redis://127.0.0.1:${port}`))
    await client.ping()
  }, 120_000)
  afterAll(async () => {
    client?.disconnect()
    await cluster?.stop()
  })

  const ask = (limitId: string, limit: number, key: string, leased: boolean): CountAsk =>
    countAsk(limitId, window(limit), { key, leased })
  /** How often its one slot was asked, for as many requests as forty tenants of a hundred each let through, and half as many more. */
  const run = async (name: string, leased: boolean) => {
    let asked = 0
    const servers = Array.from(
      { length: 2 },
      (): SharedLimiter =>
        sharedLimiter({
          client: {
            evalsha: (sha, count, ...args) => {
              if (args.slice(0, count).some((row) => row.includes('{global}'))) asked += 1
              return client.evalsha(sha, count, ...args)
            },
            eval: (script, count, ...args) => client.eval(script, count, ...args),
          },
          isCluster: true,
          prefix: name,
          now: microseconds,
          seed: 1,
          deadlineMs: 60_000,
          liveServers: () => 1,
          log: silent,
        }),
    )
    let passed = 0
    for (let n = 0; n < 6_000; n += 100) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) => {
          const asks = [ask('rl_all', 10_000, 'global', leased), ask('rl_own', 100, `tenant=${(n + i) % 40}`, false)]
          return (servers[i % 2] as SharedLimiter).decide(asks, { take: true })
        }),
      )
      passed += answers.filter((all) => all.every(({ fits, degraded }) => fits && !degraded)).length
    }
    const duringChecks = asked
    await Promise.all(servers.map((each) => each.endLeases()))
    const [left] = await (servers[0] as SharedLimiter).decide([ask('rl_all', 10_000, 'global', leased)], { take: false })
    return { passed, asked: duringChecks, left: left?.remaining }
  }

  test('is asked for blocks alone where it is leased, and with every request where it is not', async () => {
    expect(await run('plain', false)).toMatchObject({ passed: 4_000, left: 6_000, asked: expect.toSatisfy((n) => n >= 4_000) })
    expect(await run('leased', true)).toMatchObject({ passed: 4_000, left: 6_000, asked: expect.toSatisfy((n) => n < 400) })
  }, 120_000)
})
