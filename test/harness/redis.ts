import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, describe } from 'vitest'

/** The Redis of the tests: REDIS_URL, else this machine's. */
export const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'

const CI = process.env.CI !== undefined && process.env.CI !== 'false'

const isReachable = async (): Promise<boolean> => {
  const redis = new Redis(redisUrl, { lazyConnect: true, connectTimeout: 1_000, retryStrategy: null })
  redis.on('error', () => {})
  return redis
    .connect()
    .then(() => redis.ping())
    .then(
      () => true,
      () => false,
    )
    .finally(() => redis.disconnect())
}

/** Without a Redis the tests are skipped and say so; in CI they fail, since what nobody checked is not held. */
const hasRedis = CI || (await isReachable())

export const describeRedis = (title: string, tests: () => void): void => {
  if (hasRedis) describe(title, tests)
  else describe.skip(`${title} (no Redis at ${redisUrl})`, tests)
}

/** A connection and a prefix of this file's own; what is stored under it goes with the tests. */
export const openRedis = (): { readonly redis: Redis; readonly prefix: string } => {
  const redis = new Redis(redisUrl, { lazyConnect: true, enableOfflineQueue: true })
  redis.on('error', () => {})
  const prefix = `test-${randomBytes(6).toString('hex')}`
  afterAll(async () => {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }))
      if (keys.length > 0) await redis.unlink(keys)
    redis.disconnect()
  })
  return { redis, prefix }
}
