import { createHash } from 'node:crypto'
import { Ratelimit } from '@upstash/ratelimit'
import { Redis as Upstash } from '@upstash/redis'
import type { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { Policy } from '../src/modules/ratelimits/limiter/index.ts'
import { redisLimiter } from '../src/modules/ratelimits/limiter/redis/limiter.ts'
import { microseconds } from '../src/modules/ratelimits/limiter/sources.ts'
import type { RedisPlace } from './redis-place.ts'

/** Never reached within a run, and an hour long: keys stay. */
const LIMIT = 10_000
const HOUR_S = 3_600
export const bucket: Policy = { algorithm: 'TOKEN_BUCKET', capacity: LIMIT, refill: { tokens: LIMIT, perMs: HOUR_S * 1_000 } }

/** One request by one key. Rejects where it is refused: what is measured is an answer that was counted. */
export type Ask = (key: string) => Promise<void>

const admitted = (isAdmitted: boolean): void => {
  if (!isAdmitted) throw new Error('a request was refused under a limit that nobody reaches')
}

/** A deadline that a busy machine does not reach: an answer without the server would be too quick. */
export const ourLimiter = ({ redis, prefix }: RedisPlace, limits: Readonly<Record<string, Policy>>) => {
  const limiter = redisLimiter({ client: redis, limits, prefix: `${prefix}-ours`, now: microseconds, deadlineMs: 10_000 })
  return async (asks: readonly { readonly limit: string; readonly key: string }[]): Promise<void> => {
    const { allowed, degraded } = await limiter.acquire(asks)
    admitted(allowed && !degraded)
  }
}

/** GCRA and nothing else: one key, one cost, no answer but 0 or the wait. Nothing is looked up, parsed or formatted that need not be. */
const GCRA = `
local call = redis.call
local key = KEYS[1]
local t = call('TIME')
local now = t[1] * 1000000 + t[2]
local at = (call('GET', key) or 0) + 0
if at < now then at = now end
at = at + ARGV[1]
local ahead = at - now
local wait = ahead - ARGV[2]
if wait > 0 then return wait end
call('PSETEX', key, (ahead - ahead % 1000) / 1000 + 1, at)
return 0
`

export const bareScript = async ({ redis, prefix }: RedisPlace): Promise<Ask> => {
  const sha = String(await redis.script('LOAD', GCRA))
  const burst = HOUR_S * 1_000_000
  return async (key) => {
    admitted((await redis.evalsha(sha, 1, `${prefix}-bare:${key}`, burst / LIMIT, burst)) === 0)
  }
}

export const flexible = ({ redis, prefix }: RedisPlace): Ask => {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    points: LIMIT,
    duration: HOUR_S,
    keyPrefix: `${prefix}-flexible`,
  })
  return async (key) => {
    await limiter.consume(key)
  }
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

/**
 * Its client speaks HTTP; this one hands its commands to the same connection as everybody's, and what it answers is JSON as there. Its
 * scripts begin with a flag that only Upstash's server knows: Redis gets them without, and so knows them by another hash.
 */
const upstashOver = (redis: Redis): Upstash => {
  const hashes = new Map<string, string>()
  const call = ([command = '', first = '', ...rest]: readonly string[]): Promise<unknown> => {
    if (command === 'evalsha') return redis.call(command, hashes.get(first) ?? first, ...rest)
    if (command !== 'eval') return redis.call(command, first, ...rest)
    const script = first.replace(/^#!.*/, '')
    hashes.set(sha1(first), sha1(script))
    return redis.call(command, script, ...rest)
  }
  return new Upstash({
    async request({ body }) {
      return { result: JSON.parse(JSON.stringify(await call(Array.isArray(body) ? body.map(String) : []))) }
    },
  })
}

export const upstash = ({ redis, prefix }: RedisPlace): Ask => {
  const limiter = new Ratelimit({
    redis: upstashOver(redis),
    limiter: Ratelimit.tokenBucket(LIMIT, `${HOUR_S} s`, LIMIT),
    prefix: `${prefix}-upstash`,
    ephemeralCache: false,
  })
  return async (key) => {
    admitted((await limiter.limit(key)).success)
  }
}
