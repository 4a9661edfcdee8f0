import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Place } from './place.ts'
import { openPool } from './pool.ts'
import type { PoolKind } from './pool-use.ts'

export interface PlanePools {
  use<T>(place: Pick<Place, 'url' | 'isolation'>, work: (pool: Pool) => Promise<T>): Promise<T>
  /** Those that are open, with what they are for. */
  open(): Iterable<readonly [PoolKind, Pool]>
  close(): Promise<void>
}

/** At most this many databases have an open pool at once; a tenant in another one waits for the least recently used to close. */
const MAX_POOLS = 32
const CONNECTIONS_OF_A_DEDICATED_DATABASE = 3

interface Entry {
  readonly pool: Pool
  readonly kind: PoolKind
  users: number
}

export interface PlanePoolOptions {
  /** The database with many tenants: its pool is never closed to make room, and gets `connections`; dedicated ones get a few. */
  readonly sharedUrl: string
  readonly connections: number
  readonly log: Logger
  readonly maxPools?: number
}

/** One pool a database, bounded over thousands of places: the least recently used idle pool makes room for the next. */
export const planePools = ({ sharedUrl, connections, log, maxPools = MAX_POOLS }: PlanePoolOptions): PlanePools => {
  const entries = new Map<string, Entry>()
  const waiting: (() => void)[] = []

  const makeRoom = async (): Promise<void> => {
    while (entries.size >= maxPools) {
      const idle = entries.entries().find(([url, entry]) => entry.users === 0 && url !== sharedUrl)
      if (idle) {
        entries.delete(idle[0])
        await idle[1].pool.end()
      } else {
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    }
  }

  const acquire = async ({ url, isolation }: Pick<Place, 'url' | 'isolation'>): Promise<Entry> => {
    for (;;) {
      const known = entries.get(url)
      if (known) {
        known.users += 1
        entries.delete(url) // to the end: insertion order is the order of last use
        entries.set(url, known)
        return known
      }
      if (entries.size < maxPools) {
        const kind = url === sharedUrl ? 'shared' : isolation === 'CLUSTER' ? 'cluster' : 'database'
        const max = kind === 'shared' ? connections : CONNECTIONS_OF_A_DEDICATED_DATABASE
        const entry: Entry = { pool: openPool({ url, max, name: 'plane', log, idleTimeoutMs: 10_000 }), kind, users: 1 }
        entries.set(url, entry)
        return entry
      }
      await makeRoom()
    }
  }

  return {
    async use(place, work) {
      const entry = await acquire(place)
      try {
        return await work(entry.pool)
      } finally {
        entry.users -= 1
        waiting.shift()?.()
      }
    },
    open: () => entries.values().map(({ kind, pool }) => [kind, pool] as const),
    async close() {
      await Promise.all(entries.values().map(({ pool }) => pool.end()))
      entries.clear()
    },
  }
}
