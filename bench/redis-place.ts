import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { Unmeasurable } from './claim.ts'

/** A prefix of the bench's own in a Redis, over one connection. */
export interface RedisPlace {
  readonly redis: Redis
  readonly prefix: string
  readonly server: string
}

/** REDIS_URL, else this machine's. What is stored under the prefix goes with the work. Rejects with Unmeasurable where nobody answers. */
export const withRedis = async <T>(work: (place: RedisPlace) => Promise<T>): Promise<T> => {
  const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 2_000, retryStrategy: null, enableOfflineQueue: false })
  redis.on('error', () => {})
  await redis.connect().catch(() => {
    const { host } = new URL(url)
    throw new Unmeasurable(`needs a Redis, and none answers at ${host}; start one there, or give REDIS_URL`)
  })
  const prefix = `bench-${randomBytes(6).toString('hex')}`
  try {
    const [, version = ''] = /redis_version:(\S+)/.exec(await redis.info('server')) ?? []
    return await work({ redis, prefix, server: `Redis ${version}` })
  } finally {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }))
      if (keys.length > 0) await redis.unlink(keys)
    redis.disconnect()
  }
}

/** For so long, so many at a time: each goes on when it has its answer. Answers a second. */
export const inFlight = async (lanes: number, milliseconds: number, ask: (turn: number) => Promise<void>): Promise<number> => {
  let turns = 0
  const began = performance.now()
  const until = began + milliseconds
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      const turn = turns
      turns += 1
      await ask(turn)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return turns / ((performance.now() - began) / 1_000)
}
