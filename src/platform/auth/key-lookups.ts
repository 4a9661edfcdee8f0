import { unavailable } from '../errors.ts'

/** What a look at a key found. */
export interface Looked<T> {
  /** When the query left, by the clock given: the answer is no older. */
  readonly asOf: number
  /** undefined: nobody has the key. */
  readonly found: T | undefined
}

export interface KeyLookupsOptions<T> {
  /** Of so many hashes, those that are somebody's key, by the hash as latin1. */
  readonly load: (hashes: readonly Buffer[]) => Promise<ReadonlyMap<string, T>>
  /** Hashes that one query asks for, and that may wait for the next. */
  readonly most: number
  readonly monotonicMs: () => number
}

const crowded = () =>
  unavailable('database_busy', 'more unknown keys wait to be looked up than the database keeps up with; retry in a second')

/** A query that takes longer hangs; another is asked beside it what it was asked, and what has come to wait. */
const HANGS_MS = 500
const MOST_QUERIES = 2

/**
 * Looks up keys, one query at a time for all who wait: however many ask, the database has one question to answer, and a second where the
 * first hangs. Rejects with 503 `database_busy` where `most` wait already.
 */
export const keyLookups = <T>({ load, most, monotonicMs }: KeyLookupsOptions<T>): ((hash: Buffer) => Promise<Looked<T>>) => {
  interface Asker {
    readonly hash: Buffer
    readonly resolve: (looked: Looked<T>) => void
    readonly reject: (error: unknown) => void
  }
  let waiting: Asker[] = []
  let queries = 0
  /** Of the queries, those that do not hang. */
  let brisk = 0

  const askOnce = async (askers: readonly Asker[]): Promise<void> => {
    const asOf = monotonicMs()
    try {
      const found = await load(askers.map(({ hash }) => hash))
      for (const { hash, resolve } of askers) resolve({ asOf, found: found.get(hash.toString('latin1')) })
    } catch (error) {
      for (const { reject } of askers) reject(error)
    }
  }

  const askWaiting = async (): Promise<void> => {
    if (waiting.length === 0 || brisk > 0 || queries >= MOST_QUERIES) return
    const askers = waiting
    waiting = []
    queries += 1
    brisk += 1
    let hangs = false
    const watch = setTimeout(() => {
      hangs = true
      brisk -= 1
      // Who is answered twice is told the first answer.
      if (queries < MOST_QUERIES) waiting = [...askers, ...waiting]
      void askWaiting()
    }, HANGS_MS).unref()
    await askOnce(askers)
    clearTimeout(watch)
    queries -= 1
    if (!hangs) brisk -= 1
    void askWaiting()
  }

  return (hash) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= most) return reject(crowded())
      waiting.push({ hash, resolve, reject })
      void askWaiting()
    })
}
