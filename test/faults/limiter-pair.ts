import { setTimeout as sleep } from 'node:timers/promises'
import { openRedisProcess, type RedisProcess } from '../harness/redis-process.ts'

/** A primary and its replica. */
export interface Pair {
  primary(): RedisProcess
  /** The primary is killed; after so long the replica takes over what it has heard of, and the other comes back as its replica. */
  failOver(afterMs: number, meanwhile: (next: RedisProcess) => void): Promise<void>
  /** The replica hears no more of what the primary counts. */
  part(): Promise<void>
  /** The primary hands over, with all that it holds. */
  handOver(meanwhile: (next: RedisProcess) => void): Promise<void>
  /** Until the replica has what the primary has. */
  inStep(): Promise<void>
  close(): Promise<void>
}

const READY_MS = 30_000

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (const end = performance.now() + READY_MS; !(await holds()); await sleep(10))
    if (performance.now() > end) throw new Error(`${what} did not come about`)
}
const tells = async ({ admin }: RedisProcess, fact: string): Promise<boolean> => (await admin.info('replication')).includes(fact)
const follow = ({ admin }: RedisProcess, { url }: RedisProcess): Promise<unknown> => admin.replicaof(url.hostname, url.port)

export const openPair = async (): Promise<Pair> => {
  let [primary, replica] = [await openRedisProcess(), await openRedisProcess()]
  const inStep = () => until('a replica in step', () => tells(replica, 'master_link_status:up'))
  const swap = () => {
    ;[primary, replica] = [replica, primary]
  }
  await follow(replica, primary)
  await inStep()
  return {
    primary: () => primary,
    inStep,
    async part() {
      await replica.admin.call('REPLICAOF', 'NO', 'ONE')
    },
    async failOver(afterMs, meanwhile) {
      const old = primary
      await old.kill()
      await sleep(afterMs)
      await replica.admin.call('REPLICAOF', 'NO', 'ONE')
      swap()
      meanwhile(primary)
      await old.restart()
      await follow(old, primary)
    },
    async handOver(meanwhile) {
      const { hostname, port } = replica.url
      await primary.admin.call('FAILOVER', 'TO', hostname, port, 'TIMEOUT', '20000')
      await until('a new primary', () => tells(replica, 'role:master'))
      swap()
      meanwhile(primary)
    },
    async close() {
      await Promise.all([primary.close(), replica.close()])
    },
  }
}
