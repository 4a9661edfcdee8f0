import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisCluster, startRedisCluster } from '../harness/redis-cluster.ts'
import { type Moments, type Round, roundOf } from './limiter-round.ts'
import { type Asked, type Name, type OwnOptions, openOwn } from './limiter-servers.ts'

/** Servers of the platform over a Cluster. */
export interface ClusterStand {
  readonly cluster: RedisCluster
  readonly servers: readonly Asked[]
}

interface ClusterFault {
  /** Whether the counts on the one that it is about may be lost. */
  readonly forgets: boolean
  /** To one master, or to the slot of what is asked under the key. Undoes it after so long. */
  run(cluster: RedisCluster, at: number, key: string, forMs: number): Promise<void>
}

/** A key of the load is two names with a slash between: of its tenant, and of an endpoint, which the open limit counts by. */
const groupOf = (key: string, name: Name): string => {
  const [tenant, endpoint] = key.split('/')
  return name === 'open' ? `endpoint=${endpoint}` : `tenant=${tenant}`
}

const slotOf = async ({ masters: [any] }: RedisCluster, group: string): Promise<number> =>
  Number(await any?.call('CLUSTER', 'KEYSLOT', `{${group}}`))
const SLOTS = 16_384
const masterOf = ({ masters }: RedisCluster, slot: number): number => Math.floor((slot * masters.length) / SLOTS)
const next = ({ masters }: RedisCluster, at: number): number => (at + 1) % masters.length

const nameOn = async (cluster: RedisCluster, at: number, begin: string, name: Name): Promise<string> => {
  for (let n = 0; ; n += 1) {
    const tried = `${begin}.${n}`
    if (masterOf(cluster, await slotOf(cluster, groupOf(`${tried}/${tried}`, name))) === at) return tried
  }
}

/** A key that counts on one master, but for its open limit, which counts on the next one. */
export const keyOn = async (cluster: RedisCluster, at: number, begin: string): Promise<string> =>
  `${await nameOn(cluster, at, begin, 'closed')}/${await nameOn(cluster, next(cluster, at), begin, 'open')}`

/** So long a slot lies on both. */
const MOVING_MS = 10

/** As an operator moves a slot while it is in use: key by key, each atomically. */
export const moveSlot = async (cluster: RedisCluster, key: string, from: number, to: number): Promise<void> => {
  const { masters, ports } = cluster
  const slot = await slotOf(cluster, groupOf(key, 'closed'))
  const [source, target] = [masters[from], masters[to]]
  if (!source || !target) throw new RangeError('no such master')
  const [fromId, toId] = [String(await source.call('CLUSTER', 'MYID')), String(await target.call('CLUSTER', 'MYID'))]
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  await sleep(MOVING_MS)
  for (;;) {
    const [key] = await source.cluster('GETKEYSINSLOT', slot, 1)
    if (key === undefined) break
    await source.migrate('127.0.0.1', ports[to] ?? 0, key, 0, 5_000)
    await sleep(MOVING_MS)
  }
  for (const master of [target, source, ...masters]) await master.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
}

/** A master that does not answer for so long is taken for failed by the others, which then answer nothing at all. */
const NODE_TIMEOUT_MS = 1_000

const killed = async (cluster: RedisCluster, at: number, forMs: number): Promise<void> => {
  await cluster.kill(at)
  await sleep(forMs)
  await cluster.restart(at)
}

export const CLUSTER_FAULTS = {
  'one master killed': { forgets: true, run: (cluster, at, _, forMs) => killed(cluster, at, forMs) },
  'one master killed until the others give up': {
    forgets: true,
    run: (cluster, at, _, forMs) => killed(cluster, at, 3 * NODE_TIMEOUT_MS + forMs),
  },
  'one master paused': {
    forgets: false,
    async run(cluster, at, _, forMs) {
      cluster.pause(at)
      await sleep(forMs)
      cluster.resume(at)
    },
  },
  'one master flushed': {
    forgets: true,
    async run({ masters }, at, _, forMs) {
      await masters[at]?.flushall()
      await sleep(forMs)
    },
  },
  "one master's scripts flushed": {
    forgets: false,
    async run({ masters }, at, _, forMs) {
      await masters[at]?.script('FLUSH')
      await sleep(forMs)
    },
  },
  'a slot moved to another master and back': {
    forgets: false,
    async run(cluster, at, key, forMs) {
      const to = next(cluster, at)
      await moveSlot(cluster, key, at, to)
      await sleep(forMs)
      await moveSlot(cluster, key, to, at)
    },
  },
} as const satisfies Readonly<Record<string, ClusterFault>>

export type ClusterFaultName = keyof typeof CLUSTER_FAULTS
export const CLUSTER_FAULT_NAMES = Object.keys(CLUSTER_FAULTS).filter((name): name is ClusterFaultName => name in CLUSTER_FAULTS)

/** A fault of one master in the middle of a load on all three, each of which has a key of its own. */
export const runClusterRound = async (
  { cluster, servers }: ClusterStand,
  fault: ClusterFaultName,
  begin: string,
  moments: Moments,
): Promise<Round> => {
  const { forgets, run } = CLUSTER_FAULTS[fault]
  const names = await Promise.all(cluster.masters.map((_, at) => keyOn(cluster, at, `${begin}.${at}`)))
  const [own = ''] = names
  // The open limit of the last key counts on the first master.
  const isHit = (at: number): boolean => at === 0 || at === names.length - 1
  const keys = names.map((key, at) => ({ key, forgets: forgets && isHit(at) }))
  return roundOf({ fault, servers, keys, moments, isCluster: true, run: (forMs) => run(cluster, 0, own, forMs) })
}

const SERVERS = 2

/** One more server, whose limits of a key lie in two groups. */
export const openOver = ({ ports }: RedisCluster, settings: Partial<OwnOptions> = {}): Promise<Asked> =>
  openOwn({
    redis: { urls: ports.map((port) => `redis://127.0.0.1:${port}`), isCluster: true },
    liveServers: () => SERVERS,
    keyOf: (name, key) => groupOf(key, name),
    ...settings,
  })

export const withCluster = async <T>(work: (stand: ClusterStand) => Promise<T>): Promise<T> => {
  const cluster = await startRedisCluster({ nodeTimeoutMs: NODE_TIMEOUT_MS })
  const servers: Asked[] = []
  try {
    while (servers.length < SERVERS) servers.push(await openOver(cluster))
    return await work({ cluster, servers })
  } finally {
    for (const server of servers) await server.close()
    await cluster.stop()
  }
}
