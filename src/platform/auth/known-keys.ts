import type { Caller } from './caller.ts'
import { keyLookups } from './key-lookups.ts'
import type { FindKeys, KeyRow } from './key-rows.ts'

/** How long an answer about a key may be reused: a revocation holds in every process within this time. */
const HOLDS_MS = 900
/** From here on a key in use is looked at behind its requests' back: none of them waits for it. */
const FRESH_MS = 450
/** Keys of ours that are remembered; whose last look is longest ago goes first. Nobody can make them up. */
const MAX_KEPT = 50_000
/** Keys that nobody has, remembered as that: the oldest goes first, whatever is made up takes no more. */
const MAX_ABSENT = 10_000
const MAX_LOOKED_UP = 500

/** A key and whom it lets in, if it still does. */
export interface Known {
  readonly row: KeyRow
  readonly caller: Caller
}

interface Kept {
  readonly asOf: number
  readonly known: Known
}

/** What this process knows of keys, by their hash. */
export interface KnownKeys {
  /** What was found within the last second. Near its end it is looked at anew, which nobody waits for. */
  recent(hash: Buffer): Known | undefined
  /** What was found last, however long ago. */
  remembered(hash: Buffer): Known | undefined
  /** At most a second old. undefined: nobody has the key. Throws 503 where the database cannot be asked. */
  find(hash: Buffer): Promise<Known | undefined>
}

const callerOf = ({ id: keyId, tenant_id: tenantId, scopes }: KeyRow): Caller =>
  tenantId === null
    ? { kind: 'operator', keyId, scopes: new Set(scopes) }
    : { kind: 'tenant', keyId, tenantId, scopes: new Set(scopes) }

const idOf = (hash: Buffer): string => hash.toString('latin1')

/** Puts it last; beyond `most` the first goes. */
const keep = <T>(map: Map<string, T>, id: string, value: T, most: number): void => {
  map.delete(id)
  map.set(id, value)
  const first = map.size > most ? map.keys().next().value : undefined
  if (first !== undefined) map.delete(first)
}

export const knownKeys = (findKeys: FindKeys, monotonicMs: () => number = () => performance.now()): KnownKeys => {
  const kept = new Map<string, Kept>()
  /** Hashes that were nobody's, with when that was asked. */
  const absent = new Map<string, number>()
  const looking = new Map<string, Promise<Known | undefined>>()

  const load = async (hashes: readonly Buffer[]): Promise<ReadonlyMap<string, Known>> =>
    new Map((await findKeys(hashes)).map((row) => [idOf(row.hash), { row, caller: callerOf(row) }]))
  // What was somebody's a while ago does not wait behind what strangers make up.
  const lookAtOurs = keyLookups({ load, most: MAX_KEPT, monotonicMs })
  const lookAtUnknown = keyLookups({ load, most: MAX_LOOKED_UP, monotonicMs })

  const lookAnew = async (id: string, hash: Buffer): Promise<Known | undefined> => {
    const { asOf, found } = await (kept.has(id) ? lookAtOurs : lookAtUnknown)(hash)
    if (found) keep(kept, id, { asOf, known: found }, MAX_KEPT)
    else {
      kept.delete(id)
      keep(absent, id, asOf, MAX_ABSENT)
    }
    return found
  }

  const look = (id: string, hash: Buffer): Promise<Known | undefined> => {
    const started = looking.get(id)
    if (started) return started
    const began = lookAnew(id, hash).finally(() => looking.delete(id))
    looking.set(id, began)
    return began
  }

  return {
    recent(hash) {
      const id = idOf(hash)
      const had = kept.get(id)
      const age = had ? monotonicMs() - had.asOf : Number.POSITIVE_INFINITY
      if (age >= HOLDS_MS) return undefined
      // What is known holds until its time is over; an outage is told then.
      if (age >= FRESH_MS) look(id, hash).catch(() => {})
      return had?.known
    },
    remembered: (hash) => kept.get(idOf(hash))?.known,
    async find(hash) {
      const id = idOf(hash)
      const oldest = monotonicMs() - HOLDS_MS
      const had = kept.get(id)
      if (had && had.asOf > oldest) return had.known
      if ((absent.get(id) ?? Number.NEGATIVE_INFINITY) > oldest) return undefined
      return look(id, hash)
    },
  }
}
