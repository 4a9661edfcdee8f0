// A process of its own that asks many times at once and prints how many were admitted: node acquire-at-once.ts <url> <prefix> <count> <policy>
import { Redis } from 'ioredis'
import { redisLimiter } from '../../src/modules/ratelimits/limiter/redis/limiter.ts'

const [url = '', prefix = '', count = '0', policy = '{}'] = process.argv.slice(2)
const redis = new Redis(url)
const limiter = redisLimiter({
  client: redis,
  prefix,
  limits: { it: JSON.parse(policy) },
  now: () => Date.now() * 1_000,
  deadlineMs: 20_000,
})
await redis.ping()
const decisions = await Promise.all(Array.from({ length: Number(count) }, () => limiter.acquire([{ limit: 'it', key: 'k' }])))
console.log(decisions.filter(({ allowed, degraded }) => allowed && !degraded).length)
redis.disconnect()
