import { afterEach, expect, test } from 'vitest'
import { microseconds, sharedLimiter } from '../../src/modules/ratelimits/index.ts'
import { countAsk } from '../factories/count-ask.ts'
import { silent, type TestDatabase, testDatabase } from '../harness/database.ts'
import { describeRedis, openRedis, redisUrl } from '../harness/redis.ts'
import { ask } from './load.ts'
import { openStand, type Stand } from './stand.ts'

const HOUR = 3_600_000

describeRedis('a server that leases a rate limit', () => {
  const { redis } = openRedis()
  let stand: Stand | undefined
  let database: TestDatabase | undefined
  let limitId = ''
  afterEach(async () => {
    await stand?.close()
    await database?.close()
    const keys = await redis.keys(`cognitionos:*${limitId}*`)
    if (keys.length > 0) await redis.unlink(keys)
  })

  test('gives everything back when it is told to end', { timeout: 120_000 }, async () => {
    database = await testDatabase()
    const { ownerUrl, secret } = database
    const own = { DATABASE_URL: ownerUrl, COGNITIONOS_SECRET: secret }
    const s = await openStand({ env: { ...own, REDIS_URL: redisUrl, REDIS_DEADLINE_MS: '10000' } })
    stand = s
    const terms = {
      name: 'all calls',
      scopes: ['GLOBAL'],
      policy: { algorithm: 'FIXED_WINDOW', limit: 1_000, window_ms: HOUR, anchor: 'first_use' },
      leased: true,
    }
    limitId = String((await ask(s, 'POST', '/rate-limits', s.operatorKey, terms)).body.id)
    const policy = { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: HOUR, anchor: 'first_use' } as const
    const counts = sharedLimiter({
      client: redis,
      isCluster: false,
      prefix: 'cognitionos',
      now: microseconds,
      seed: 1,
      deadlineMs: 60_000,
      liveServers: () => 1,
      log: silent,
    })
    const look = countAsk(limitId, policy, { key: 'global', cost: 0 })
    const left = async () => (await counts.decide([look], { take: false }))[0]?.remaining

    let asked = 0
    // Until Redis has counted more than was asked: a block is held.
    while ((await left()) === 1_000 - asked) {
      expect((await ask(s, 'POST', `/rate-limits/${limitId}/check`, s.operatorKey, {})).body).toMatchObject({ allowed: true })
      asked += 1
    }
    expect(await s.terminate()).toBe(0)
    expect(await left()).toBe(1_000 - asked)
  })
})
