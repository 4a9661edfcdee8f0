import { once } from 'node:events'
import { Cluster, Redis } from 'ioredis'
import type { Logger } from 'pino'

export interface RedisConfig {
  /** One server, or nodes of a Cluster, from which the others are learned. */
  readonly urls: readonly string[]
  readonly isCluster: boolean
}

export interface RedisConnection {
  readonly client: Redis | Cluster
  close(): void
}

/** How long a start waits for Redis before it goes on without. */
const START_MS = 2_000
const CONNECT_MS = 2_000
/** A connection on which nothing comes back for this long is made anew: its other end may be gone without a word. */
const SILENT_MS = 5_000
/** A process ends no later for a Redis that is not there. */
const END_MS = 200
const LONGEST_PAUSE_MS = 1_000
/** How often a Cluster is asked which server has which slots; between, its own redirections tell. */
const SLOTS_MS = 5_000

const pause = (times: number): number => Math.min(times * 50, LONGEST_PAUSE_MS)

/** A slot that is being moved holds up requests for keys on both its servers; so often it is tried again, 16 times at most. */
const MOVING_MS = 5

/** What was sent once is never sent again by itself: it may have been counted. What cannot be sent fails at once. */
const OPTIONS = {
  connectTimeout: CONNECT_MS,
  socketTimeout: SILENT_MS,
  disconnectTimeout: END_MS,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // A server that a failover made a replica keeps its connections: the address may lead to another one by now.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
}

/** Of an address what may stand in a log: no password. */
export const placeOf = (url: string): string => {
  const { hostname, port } = new URL(url)
  return `${hostname}:${port || 6379}`
}

const single = (url: string): Redis =>
  new Redis(url, { ...OPTIONS, lazyConnect: true, enableOfflineQueue: false, retryStrategy: pause })

const clusterOf = (urls: readonly string[]): Cluster => {
  const { protocol, username, password } = new URL(urls[0] ?? '')
  const cluster = new Cluster([...urls], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: pause,
    retryDelayOnFailover: 0,
    // Else what nobody waits for is sent until the Cluster is whole again, and counted then, all of it at once.
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: MOVING_MS,
    slotsRefreshInterval: SLOTS_MS,
    redisOptions: {
      ...OPTIONS,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  })
  // Else a node connects with the first request that it gets, and those that come meanwhile fail.
  cluster.on('+node', (node: Redis) => void node.connect().catch(() => {}))
  return cluster
}

const connected = async (client: Redis | Cluster): Promise<void> => {
  await client.connect()
  const nodes = client instanceof Cluster ? client.nodes('master') : []
  await Promise.all(nodes.filter(({ status }) => status !== 'ready').map((node) => once(node, 'ready')))
}

/** Connects, and stays at it. Where Redis does not answer at first, that is logged and nobody waits for it. */
export const openRedis = async ({ urls, isCluster }: RedisConfig, log: Logger): Promise<RedisConnection> => {
  const client = isCluster ? clusterOf(urls) : single(urls[0] ?? '')
  const places = urls.map(placeOf).join(', ')
  let state: 'new' | 'ready' | 'lost' = 'new'
  client.on('ready', () => {
    log.info(state === 'new' ? `Redis at ${places} is connected` : `Redis at ${places} is connected again`)
    state = 'ready'
  })
  client.on('error', (error) => {
    if (state !== 'lost') log.warn({ err: error }, `Redis at ${places} cannot be reached; trying on`)
    state = 'lost'
  })
  const timeUp = Promise.withResolvers<void>()
  const timer = setTimeout(timeUp.resolve, START_MS)
  await Promise.race([connected(client).catch(() => {}), timeUp.promise])
  clearTimeout(timer)
  return { client, close: () => client.disconnect() }
}
