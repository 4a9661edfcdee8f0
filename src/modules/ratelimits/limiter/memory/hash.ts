/** The finaliser of MurmurHash3: every bit of the result hangs on every bit of `bits`. */
const mixed = (bits: number): number => {
  const half = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  const most = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return most ^ (most >>> 16)
}

/**
 * 32 bits of a string. Multipliers come from the seed, and a step takes in 16 bits and spreads them over 32: what one step changed the next
 * cannot undo for who does not know them, so that nobody who picks keys can pick collisions. Two chains, as each waits for itself.
 */
export const hasher = (seed: number): ((key: string) => number) => {
  const evenly = mixed(seed + 1) | 1
  const oddly = mixed(seed + 2) | 1
  const start = mixed(seed + 3)
  return (key) => {
    const even = key.length & ~1
    let first = start
    let second = ~start
    for (let i = 0; i < even; i += 2) {
      first = Math.imul(first ^ key.charCodeAt(i), evenly)
      first ^= first >>> 16
      second = Math.imul(second ^ key.charCodeAt(i + 1), oddly)
      second ^= second >>> 16
    }
    if (even < key.length) first = Math.imul(first ^ key.charCodeAt(even), evenly)
    return mixed(first ^ Math.imul(second, 0x9e3779b1))
  }
}
