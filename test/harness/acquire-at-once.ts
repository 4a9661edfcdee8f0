// A process of its own that asks many times at once, for one key after another, and prints how many were admitted of each:
// node acquire-at-once.ts '{ "urls", "prefix", "count", "keys", "policy", "share"? }'; several urls are of a cluster, a share is leased.
import { Cluster, Redis } from 'ioredis'
import { leasedLimiter } from '../../src/modules/ratelimits/limiter/leases/limiter.ts'
import type { Policy } from '../../src/modules/ratelimits/limiter/policy.ts'
import { redisLimiter } from '../../src/modules/ratelimits/limiter/redis/limiter.ts'
import { microseconds } from '../../src/modules/ratelimits/limiter/sources.ts'

export interface AtOnce {
  readonly urls: readonly string[]
  readonly prefix: string
  readonly count: number
  readonly keys: readonly string[]
  readonly policy: Policy
  readonly share?: number
}

const { urls, prefix, count, keys, policy, share }: AtOnce = JSON.parse(process.argv[2] ?? '{}')
const client = urls.length > 1 ? new Cluster([...urls]) : new Redis(urls[0] ?? '')
const overRedis = (limits: Readonly<Record<string, Policy>>) =>
  redisLimiter({ client, prefix, limits, now: microseconds, deadlineMs: 20_000 })
const limits = { it: policy }
const limiter =
  share === undefined
    ? overRedis(limits)
    : leasedLimiter({ limits, leases: { it: share }, countedBy: overRedis, now: microseconds })

await client.ping()
const admitted: number[] = []
for (const key of keys) {
  const ask = () => limiter.acquire([{ limit: 'it', key }])
  // One after the other, so that a leased key is known to be hot, and a block of it is held when the others come.
  const first = share === undefined ? [] : [await ask(), await ask(), await ask()]
  const others = await Promise.all(Array.from({ length: count - first.length }, ask))
  admitted.push([...first, ...others].filter(({ allowed, degraded }) => allowed && !degraded).length)
}
console.log(JSON.stringify(admitted))
client.disconnect()
