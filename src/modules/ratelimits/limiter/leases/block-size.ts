export interface Use {
  /** What was asked of the key since the last block was taken. */
  readonly asked: number
  readonly elapsedUs: number
  readonly targetUs: number
  /** The most that a server holds of a key, and what of it is free. */
  readonly most: number
  readonly free: number
  /** What Redis had left when it answered last; undefined: nobody knows. */
  readonly remaining: number | undefined
}

/** So many whole blocks left, and each request asks Redis: several servers' blocks would keep the last tokens from one another. */
const STRICT_BLOCKS = 4
/** A block is at most so many times what was asked since the last: a burst of two is not yet a hot key. */
const GROWTH = 8

/** How many tokens to take at once: what the key is expected to use in the time that a block is meant to last. 0: ask for each request. */
export const blockSize = ({ asked, elapsedUs, targetUs, most, free, remaining }: Use): number => {
  if (remaining === undefined || remaining < STRICT_BLOCKS * most) return 0
  return Math.min(free, Math.floor((asked * targetUs) / Math.max(elapsedUs, targetUs / GROWTH)))
}
