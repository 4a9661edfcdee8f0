import { expect, test } from 'vitest'
import { describeRedis, redisUrl } from '../../../test/harness/redis.ts'
import { infoChecks, redisChecks } from './redis.ts'

const SOUND = {
  redis_version: '7.2.4',
  role: 'master',
  maxmemory_policy: 'noeviction',
  cluster_enabled: '0',
}
const told = (change: Readonly<Record<string, string>>, isCluster = false) => {
  const lines = Object.entries({ ...SOUND, ...change }).map(([name, value]) => `${name}:${value}`)
  return infoChecks('redis.internal:6379', ['# Server', ...lines, ''].join('\r\n'), isCluster).map(
    ({ state, found, mend }) => [state, found, mend] as const,
  )
}

test('a sound Redis, and a sound Valkey, have nothing to mend', () => {
  const rest = [
    ['ok', 'it evicts nothing', undefined],
    ['ok', 'a single server', undefined],
  ]
  expect(told({})).toEqual([
    ['ok', 'Redis 7.2.4 at redis.internal:6379 answers; rate limits are counted in it', undefined],
    ...rest,
  ])
  expect(told({ valkey_version: '8.0.1' })).toEqual([
    ['ok', 'Valkey 8.0.1 at redis.internal:6379 answers; rate limits are counted in it', undefined],
    ...rest,
  ])
})

test.each([
  ['too old a version', 0, { redis_version: '5.0.14' }, false, 'fail', 'use Redis 6 or later, or Valkey'],
  ['a replica', 0, { role: 'slave' }, false, 'fail', 'let REDIS_URL lead to the primary'],
  ['eviction', 1, { maxmemory_policy: 'allkeys-lru' }, false, 'warn', 'set maxmemory-policy noeviction'],
  ['a Cluster that is not said to be one', 2, { cluster_enabled: '1' }, false, 'fail', 'set REDIS_CLUSTER=true'],
  ['a single server that is said to be a Cluster', 2, {}, true, 'fail', 'unset REDIS_CLUSTER'],
] as const)('%s is found, with what to do', (_name, at, change, isCluster, state, mend) => {
  const [found, , advice] = told(change, isCluster)[at] ?? []
  expect([found, advice]).toEqual([state, expect.stringContaining(mend)])
})

test('without REDIS_URL it is said where rate limits are counted', async () => {
  expect(await redisChecks({ urls: [], isCluster: false, deadlineMs: 50 })).toEqual([
    { name: 'redis', state: 'ok', found: 'REDIS_URL is not set; each process counts rate limits for itself' },
  ])
})

test('a server that does not answer is told by its place, without its password', async () => {
  const [check, ...more] = await redisChecks({ urls: ['redis://:hidden@127.0.0.1:1'], isCluster: false, deadlineMs: 50 })
  expect(more).toEqual([])
  expect(check).toMatchObject({ state: 'fail', found: expect.stringMatching(/^127\.0\.0\.1:1 does not answer: .*ECONNREFUSED/) })
})

describeRedis('the Redis of the tests', () => {
  test('is looked at whole', async () => {
    const checks = await redisChecks({ urls: [redisUrl], isCluster: false, deadlineMs: 50 })
    expect(checks.map(({ name }) => name)).toEqual(['redis', 'redis memory', 'redis cluster'])
    expect(checks[0]).toMatchObject({ state: 'ok' })
  })
})
