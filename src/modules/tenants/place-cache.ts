import type { Place, PlaceOf } from '../../platform/db/place.ts'

interface Entry {
  readonly until: number
  readonly place: Promise<Place | undefined>
}

export interface PlaceCacheOptions {
  /** How long an answer holds, counted from when it was asked for; also the answer that there is no such place. */
  readonly ttlMs: number
  readonly maxEntries: number
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number
}

/** Remembers places for a moment: who asks for the same while an answer is under way waits for it. The least recently used goes first. */
export const placeCache = (load: PlaceOf, { ttlMs, maxEntries, nowMs }: PlaceCacheOptions): PlaceOf => {
  const entries = new Map<string, Entry>()
  return (tenantId) => {
    const now = nowMs()
    const known = entries.get(tenantId)
    entries.delete(tenantId) // to the end: insertion order is the order of last use
    if (known && known.until > now) {
      entries.set(tenantId, known)
      return known.place
    }
    const oldest = entries.size >= maxEntries ? entries.keys().next().value : undefined
    if (oldest !== undefined) entries.delete(oldest)
    const entry = { until: now + ttlMs, place: load(tenantId) }
    entries.set(tenantId, entry)
    entry.place.catch(() => {
      if (entries.get(tenantId) === entry) entries.delete(tenantId) // an outage is not an answer
    })
    return entry.place
  }
}
