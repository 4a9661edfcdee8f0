import type { Logger } from 'pino'
import type { Database } from '../../platform/db/database.ts'
import { byPriority } from './applicable.ts'
import type { CountedLimit, LimitVersion, RateLimit } from './limit.ts'
import { pastVersions } from './past-store.ts'
import { findLimit, findLimits, liveVersions } from './store.ts'

/** A limit changed anywhere holds here within this time. */
const FRESH_MS = 1_000

export interface LimitCache {
  /** All limits in force, as they were at most a second ago, the highest priority first. */
  current(): Promise<ReadonlyMap<string, CountedLimit>>
  /** One of them, looked for anew where it is not known: whoever has just made it may use it. */
  find(id: string): Promise<CountedLimit | undefined>
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

/** The limits in memory, looked after at most once a second and only while somebody asks; a version never changes, so only new ones are read. */
export const limitCache = ({ db, log, monotonicMs = () => performance.now() }: LimitCacheDeps): LimitCache => {
  let known: ReadonlyMap<string, CountedLimit> | undefined
  let asOf = 0
  let looking: Promise<ReadonlyMap<string, CountedLimit>> | undefined

  const look = async (): Promise<ReadonlyMap<string, CountedLimit>> => {
    const began = monotonicMs()
    const before = known
    const limits = await db.lookup(async (tx) => {
      const live = await liveVersions(tx)
      const fresh = live.filter(({ id, version }) => before?.get(id)?.current.version !== version).map(({ id }) => id)
      const found = await findLimits(tx, fresh)
      const past = Map.groupBy(await pastVersions(tx, fresh), ({ limitId }) => limitId)
      const read = new Map(found.map((limit) => [limit.id, { ...limit, past: earlierOf(limit, past.get(limit.id)) }]))
      return live.flatMap(({ id, level }) => {
        const limit = read.get(id) ?? before?.get(id)
        return limit ? [limit.level === level ? limit : { ...limit, level }] : []
      })
    })
    known = new Map(limits.sort(byPriority).map((limit) => [limit.id, limit]))
    asOf = began
    return known
  }

  const start = (): Promise<ReadonlyMap<string, CountedLimit>> =>
    look().finally(() => {
      looking = undefined
    })

  const latest = async (): Promise<ReadonlyMap<string, CountedLimit>> => {
    await looking?.catch(() => {}) // it may have begun before
    looking ??= start()
    return looking
  }

  const current = (): Promise<ReadonlyMap<string, CountedLimit>> => {
    if (known && monotonicMs() - asOf < FRESH_MS) return Promise.resolve(known)
    looking ??= start()
    // Known limits hold while the database is away: a limit that vanishes with it would be open.
    const last = known
    return last
      ? looking.catch((error: unknown) => {
          asOf = monotonicMs() // one try a second, not one a request
          log.warn({ err: error }, 'the rate limits could not be refreshed')
          return last
        })
      : looking
  }

  return {
    current,
    find: async (id) => (await current()).get(id) ?? (await latest()).get(id),
    async findArchived(id) {
      const limit = await db.lookup((tx) => findLimit(tx, id))
      return limit && { ...limit, past: [] }
    },
  }
}
