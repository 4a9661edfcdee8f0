import type { Decision } from '../decision.ts'
import type { Block } from './lease-rule.ts'

/** A block that is on its way, and how much of it nobody who waits for it has yet. */
export interface Refill {
  /** Of all of it: until it comes nobody has been served from it. */
  readonly size: number
  free: number
  /** Where it lies when it came; undefined: it was refused. */
  readonly done: Promise<Granted | undefined>
}

export interface Granted {
  readonly block: Block
  readonly decision: Decision
}

/** What a server knows and holds of one key. */
export interface HeldKey {
  readonly key: string
  /** The first to end first. */
  readonly blocks: Block[]
  refill: Refill | undefined
  /** What was asked since `sinceUs`. */
  asked: number
  sinceUs: number
  usedUs: number
  /** What Redis had left, and when it is as if never used. */
  remaining: number | undefined
  resetUs: number
  /** Given back, and nobody has said yet that it was. */
  returning: number
  /** Neither served nor given back, and counted until `lostUntilUs`. */
  lost: number
  lostUntilUs: number
  /** It was reset: what is still on its way for it is of before. */
  isForgotten: boolean
}

export const unusedKey = (key: string, now: number): HeldKey => ({
  key,
  blocks: [],
  refill: undefined,
  asked: 0,
  sinceUs: now,
  usedUs: now,
  remaining: undefined,
  resetUs: now,
  returning: 0,
  lost: 0,
  lostUntilUs: 0,
  isForgotten: false,
})

/** Of blocks that have not ended. */
export const heldOf = ({ blocks }: HeldKey): number => blocks.reduce((sum, { tokens }) => sum + tokens, 0)

/** Takes from what is held, the first to end first. Answers with the first block that it took from; undefined: they do not hold so much. */
export const spend = (held: HeldKey, cost: number): Block | undefined => {
  const { blocks } = held
  const [first] = blocks
  if (!first) return undefined
  if (first.tokens < cost && heldOf(held) < cost) return undefined
  let left = cost
  for (let block = blocks[0]; block; block = blocks[0]) {
    const taken = Math.min(left, block.tokens)
    block.tokens -= taken
    left -= taken
    if (block.tokens > 0) break
    blocks.shift()
  }
  return first
}

/** Puts a block where its end belongs. */
export const insert = ({ blocks }: HeldKey, block: Block): void => {
  const at = blocks.findIndex(({ endUs }) => endUs > block.endUs)
  blocks.splice(at < 0 ? blocks.length : at, 0, block)
}

export const remove = ({ blocks }: HeldKey, block: Block): void => {
  const at = blocks.indexOf(block)
  if (at >= 0) blocks.splice(at, 1)
}
