import { Redis } from 'ioredis'
import type { Config } from '../../config.ts'
import { placeOf } from '../../platform/redis/connection.ts'
import { type Check, fail, ok, reasonOf, warn } from './check.ts'

const ANSWERS_WITHIN_MS = 2_000
const NEEDED_MAJOR = 6

const connected = async <T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: ANSWERS_WITHIN_MS,
    commandTimeout: ANSWERS_WITHIN_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let reason: unknown
  redis.on('error', (error) => {
    reason = error
  })
  try {
    await redis.connect()
    return await work(redis)
  } catch (error) {
    throw reason ?? error
  } finally {
    redis.disconnect()
  }
}

/** What a server says of itself in INFO. */
type Info = ReadonlyMap<string, string>

const infoOf = (text: string): Info =>
  new Map(
    text
      .split('\r\n')
      .flatMap((line) => (line.includes(':') ? [[line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]] : [])),
  )

const serverCheck = (place: string, info: Info): Check => {
  const valkey = info.get('valkey_version')
  const version = info.get('redis_version') ?? '?'
  const found = `${valkey === undefined ? `Redis ${version}` : `Valkey ${valkey}`} at ${place}`
  if (Number.parseInt(version, 10) < NEEDED_MAJOR)
    return fail('redis', `${found} is too old`, `use Redis ${NEEDED_MAJOR} or later, or Valkey`)
  if (info.get('role') === 'slave')
    return fail(
      'redis',
      `${found} is a replica, which counts nothing`,
      'let REDIS_URL lead to the primary, or to what follows it in a failover',
    )
  return ok('redis', `${found} answers; rate limits are counted in it`)
}

const memoryCheck = (info: Info): Check => {
  const policy = info.get('maxmemory_policy') ?? '?'
  if (policy === 'noeviction') return ok('redis memory', 'it evicts nothing')
  return warn(
    'redis memory',
    `maxmemory-policy is ${policy}: short of memory it forgets counts, and limits begin anew`,
    'set maxmemory-policy noeviction',
  )
}

const clusterCheck = (info: Info, isCluster: boolean): Check => {
  const is = info.get('cluster_enabled') === '1'
  if (is === isCluster) return ok('redis cluster', is ? 'a Cluster, as REDIS_CLUSTER says' : 'a single server')
  return is
    ? fail('redis cluster', 'REDIS_URL leads to a Cluster', 'set REDIS_CLUSTER=true')
    : fail(
        'redis cluster',
        'REDIS_CLUSTER is true, and REDIS_URL leads to a single server',
        'unset REDIS_CLUSTER, or correct REDIS_URL',
      )
}

/** What a server's INFO tells of it. */
export const infoChecks = (place: string, text: string, isCluster: boolean): readonly Check[] => {
  const info = infoOf(text)
  return [serverCheck(place, info), memoryCheck(info), clusterCheck(info, isCluster)]
}

const checkOne = async (url: string, isCluster: boolean): Promise<readonly Check[]> => {
  const place = placeOf(url)
  try {
    return infoChecks(place, await connected(url, (redis) => redis.info()), isCluster)
  } catch (error) {
    return [
      fail(
        'redis',
        `${place} does not answer: ${reasonOf(error)}`,
        'start it, or correct REDIS_URL: until it answers, rate limits answer by their on_unavailable',
      ),
    ]
  }
}

/** Each server that REDIS_URL names answers within two seconds, or is out of reach. */
export const redisChecks = async ({ urls, isCluster }: Config['redis']): Promise<readonly Check[]> => {
  if (urls.length === 0) return [ok('redis', 'REDIS_URL is not set; each process counts rate limits for itself')]
  return (await Promise.all(urls.map((url) => checkOne(url, isCluster)))).flat()
}
