const BUCKETS = 256

/**
 * One timer for all keys: a ring of lists of slots, each list due at its instant. A slot that is due is either let go or comes back for a
 * later round. Nothing runs by itself: `due` is asked whenever there is time for a little of it.
 */
export interface Wheel {
  put(slot: number, at: number): void
  /** Up to `most` slots whose time has come; each is handed out once and is no longer in the wheel. */
  due(now: number, most: number, take: (slot: number) => void): void
}

/** `horizonUs`: how far ahead most keys end; what ends later comes round early and is put back. */
export const wheel = (horizonUs: number, start: number): Wheel => {
  const span = Math.max(1, Math.ceil(horizonUs / (BUCKETS - 2)))
  const heads = new Int32Array(BUCKETS).fill(-1)
  let nexts = new Int32Array(64)
  let cursor = Math.floor(start / span)

  return {
    put(slot, at) {
      if (slot >= nexts.length) {
        const more = new Int32Array(Math.ceil((slot + 1) * 1.25))
        more.set(nexts)
        nexts = more
      }
      const turn = Math.min(Math.max(Math.floor(at / span) + 1, cursor + 1), cursor + BUCKETS - 1)
      const bucket = turn % BUCKETS
      nexts[slot] = heads[bucket] as number
      heads[bucket] = slot
    },
    due(now, most, take) {
      const today = Math.floor(now / span)
      // After a long silence one round sees every list.
      if (today - cursor > BUCKETS) cursor = today - BUCKETS
      for (let left = most; left > 0; ) {
        const bucket = cursor % BUCKETS
        const slot = heads[bucket] as number
        if (slot < 0) {
          if (cursor >= today) return
          cursor += 1
          continue
        }
        heads[bucket] = nexts[slot] as number
        left -= 1
        take(slot)
      }
    },
  }
}
