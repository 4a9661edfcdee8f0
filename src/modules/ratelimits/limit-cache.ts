import type { Logger } from 'pino'
import type { Database } from '../../platform/db/database.ts'
import { keptFresh } from '../../platform/kept-fresh.ts'
import { byPriority } from './applicable.ts'
import type { CountedLimit, LimitVersion, RateLimit } from './limit.ts'
import { pastVersions } from './past-store.ts'
import { findLimit, findLimits, liveVersions } from './store.ts'

export interface LimitCache {
  /**
   * All limits in force, as they were at most a second ago, the highest priority first. Known ones hold while the database is away or slow: a limit
   * that vanishes with it would be open. A look is waited for no longer than `waitMs`.
   */
  current(waitMs?: number): ReadonlyMap<string, CountedLimit> | Promise<ReadonlyMap<string, CountedLimit>>
  /** One of them, looked for anew where it is not known: whoever has just made it may use it. */
  find(id: string, waitMs?: number): Promise<CountedLimit | undefined>
  /** One that is in force no more, as it was last. */
  findArchived(id: string): Promise<CountedLimit | undefined>
}

export interface LimitCacheDeps {
  readonly db: Pick<Database, 'lookup'>
  readonly log: Logger
  readonly monotonicMs?: () => number
}

/** A change may have come between the two looks. */
const earlierOf = ({ current }: RateLimit, versions: readonly LimitVersion[] = []): readonly LimitVersion[] =>
  versions.filter(({ version }) => version < current.version)

/** The limits in memory, looked after only while somebody asks; a version never changes, so only new ones are read. */
export const limitCache = ({ db, log, monotonicMs }: LimitCacheDeps): LimitCache => {
  const limits = keptFresh<ReadonlyMap<string, CountedLimit>>({
    async look(before) {
      const found = await db.lookup(async (tx) => {
        const live = await liveVersions(tx)
        const fresh = live.filter(({ id, version }) => before?.get(id)?.current.version !== version).map(({ id }) => id)
        const changed = await findLimits(tx, fresh)
        const past = Map.groupBy(await pastVersions(tx, fresh), ({ limitId }) => limitId)
        const read = new Map(changed.map((limit) => [limit.id, { ...limit, past: earlierOf(limit, past.get(limit.id)) }]))
        return live.flatMap(({ id, level }) => {
          const limit = read.get(id) ?? before?.get(id)
          return limit ? [limit.level === level ? limit : { ...limit, level }] : []
        })
      })
      return new Map(found.sort(byPriority).map((limit) => [limit.id, limit]))
    },
    failed: (error) => log.warn({ err: error }, 'the rate limits could not be refreshed'),
    ...(monotonicMs && { monotonicMs }),
  })

  return {
    current: limits.current,
    find: async (id, waitMs) => (await limits.current(waitMs)).get(id) ?? (await limits.latest()).get(id),
    async findArchived(id) {
      const limit = await db.lookup((tx) => findLimit(tx, id))
      return limit && { ...limit, past: [] }
    },
  }
}
