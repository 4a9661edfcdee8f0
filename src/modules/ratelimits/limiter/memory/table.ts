import { hasher } from './hash.ts'

/**
 * Keys to rows of numbers in typed arrays: an open-addressed index of slots, and for each slot its key, the key's hash and `width` numbers.
 * Per key beside the key itself: 8 bytes a number, 12 for hash and reference, both with up to a quarter more that no key has yet; 5 to 10 for the
 * index. The wheel that ends keys (`wheel.ts`) takes 4 more, with up to a quarter more too.
 */
export interface Table {
  readonly width: number
  /** All rows; replaced when the table grows, so never kept across `add`. */
  rows(): Float64Array
  size(): number
  /** The key's slot, or -1. */
  find(key: string): number
  /** A slot for a key that has none, its numbers zero; -1: the table is full. */
  add(key: string): number
  remove(slot: number): void
  keyAt(slot: number): string | undefined
  /** Slots ever used: keys, and holes that `add` fills first. */
  slots(): number
}

// A place of the index that was never taken, and one that was: neither is a slot, which is counted from 1 there and never all ones.
const FREE = 0
const REMOVED = -1

export const table = (width: number, maxKeys: number, seed: number): Table => {
  const hashOf = hasher(seed)
  // A taken place holds the slot in as many bits as it needs, and the key's hash in the others: few keys of others are looked at.
  const slotBits = 2 ** (32 - Math.clz32(maxKeys + 1)) - 1
  const entryOf = (slot: number): number => ((hashes[slot] as number) & ~slotBits) | (slot + 1)
  let capacity = Math.min(64, maxKeys)
  let rows = new Float64Array(capacity * width)
  let hashes = new Int32Array(capacity)
  let keys: (string | undefined)[] = new Array(capacity).fill(undefined)
  let index = new Int32Array(128)
  let [size, used, filled] = [0, 0, 0] // keys; slots ever used; index places that are not free
  const holes: number[] = []

  const place = (slot: number): void => {
    const mask = index.length - 1
    let at = (hashes[slot] as number) & mask
    while (index[at] !== FREE && index[at] !== REMOVED) at = (at + 1) & mask
    if (index[at] === FREE) filled += 1
    index[at] = entryOf(slot)
  }

  const reindex = (length: number): void => {
    index = new Int32Array(length)
    filled = 0
    for (let slot = 0; slot < used; slot += 1) if (keys[slot] !== undefined) place(slot)
  }

  const grow = (): void => {
    capacity = Math.min(maxKeys, Math.ceil(capacity * 1.25))
    const [wider, more] = [new Float64Array(capacity * width), new Int32Array(capacity)]
    wider.set(rows)
    more.set(hashes)
    ;[rows, hashes] = [wider, more]
    const names = new Array(capacity).fill(undefined)
    for (let slot = 0; slot < used; slot += 1) names[slot] = keys[slot]
    keys = names
  }

  return {
    width,
    rows: () => rows,
    size: () => size,
    slots: () => used,
    keyAt: (slot) => keys[slot],
    find(key) {
      const hash = hashOf(key)
      const mask = index.length - 1
      for (let at = hash & mask; ; at = (at + 1) & mask) {
        const entry = index[at] as number
        if (entry === FREE) return -1
        if (((entry ^ hash) & ~slotBits) !== 0 || entry === REMOVED) continue
        const slot = (entry & slotBits) - 1
        if (keys[slot] === key) return slot
      }
    },
    add(key) {
      if (size >= maxKeys) return -1
      const hole = holes.pop()
      if (hole === undefined && used === capacity) grow()
      const slot = hole ?? used
      if (hole === undefined) used += 1
      // Beyond this load chains grow long; with many removed places a fresh index of the same size will do.
      if ((filled + 1) * 10 > index.length * 8) reindex((size + 1) * 10 > index.length * 6 ? index.length * 2 : index.length)
      hashes[slot] = hashOf(key)
      keys[slot] = key
      rows.fill(0, slot * width, (slot + 1) * width)
      place(slot)
      size += 1
      return slot
    },
    remove(slot) {
      const mask = index.length - 1
      let at = (hashes[slot] as number) & mask
      const entry = entryOf(slot)
      while (index[at] !== entry) at = (at + 1) & mask
      index[at] = REMOVED
      keys[slot] = undefined
      holes.push(slot)
      size -= 1
    },
  }
}
