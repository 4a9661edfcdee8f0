/** How often a key was seen: at most `seen`, at least `seen - overcount`. */
export interface Heavy {
  readonly key: string
  readonly seen: number
  readonly overcount: number
}

export interface SpaceSaving {
  see(key: string): void
  /** Counts on from what another one held. */
  add(heavy: Heavy): void
  /** The `most` keys seen most often, heaviest first. */
  top(most: number): readonly Heavy[]
}

/**
 * The keys seen most often, in the space of `capacity` of them, whatever there is: a key that finds no place takes that of the lightest and
 * its count, as what it may be over by. Of n sightings every key with more than n ÷ capacity is held, and none is over by more than that.
 * Source: Metwally, Agrawal, El Abbadi, Efficient Computation of Frequent and Top-k Elements in Data Streams, ICDT 2005.
 */
export const spaceSaving = (capacity: number): SpaceSaving => {
  const held = new Map<string, { seen: number; overcount: number }>()

  /** Looked for among all: they are few, and only keys that are not held ask. */
  const lightest = (): readonly [string, number] => {
    let [name, least] = ['', Number.POSITIVE_INFINITY]
    for (const [key, { seen }] of held) if (seen < least) [name, least] = [key, seen]
    return [name, least]
  }

  const add = ({ key, seen, overcount }: Heavy): void => {
    const known = held.get(key)
    if (known) {
      known.seen += seen
      known.overcount += overcount
    } else if (held.size < capacity) held.set(key, { seen, overcount })
    else {
      const [gone, least] = lightest()
      held.delete(gone)
      held.set(key, { seen: least + seen, overcount: least + overcount })
    }
  }

  return {
    see: (key) => add({ key, seen: 1, overcount: 0 }),
    add,
    top: (most) =>
      [...held]
        .map(([key, counts]) => ({ key, ...counts }))
        .sort((a, b) => b.seen - a.seen || (a.key < b.key ? -1 : 1))
        .slice(0, most),
  }
}
