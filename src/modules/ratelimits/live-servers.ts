import type { RedisClient } from './limiter/redis/client.ts'

/** By Redis's own time, so that no server's clock counts another one out. */
const LOOK = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`
const LEAVE = `return redis.call('ZREM', KEYS[1], ARGV[1])`

/** A server that has not said so for this long is not counted. */
const LIVES_MS = 15_000
/** What is counted is the most of so many looks: after an outage of Redis the others need one look to be there again. */
const LOOKS = 3

export interface LiveServers {
  /** Says that this server lives, and counts those that said so in the last fifteen seconds; to be called every five or so. */
  look(): Promise<void>
  /** As last counted; 1 before the first time. */
  count(): number
  /** This server stops: the others need not wait until it is missed. */
  leave(): Promise<void>
}

/** How many servers count over one Redis: what a limit is divided by while that is away. */
export const liveServers = (client: Pick<RedisClient, 'eval'>, prefix: string, serverId: string): LiveServers => {
  const key = `${prefix}:servers`
  let counts: readonly number[] = [1]
  return {
    async look() {
      const counted = await client.eval(LOOK, 1, key, serverId, String(LIVES_MS))
      if (typeof counted === 'number') counts = [...counts, counted].slice(-LOOKS)
    },
    count: () => Math.max(...counts),
    async leave() {
      await client.eval(LEAVE, 1, key, serverId)
    },
  }
}
