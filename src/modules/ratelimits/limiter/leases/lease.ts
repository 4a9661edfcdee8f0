import type { Decision, LimitDecision } from '../decision.ts'
import { blockSize } from './block-size.ts'
import { type Granted, type HeldKey, heldOf, insert, type Refill, remove, spend, unusedKey } from './held-key.ts'
import type { Block, LeaseRule } from './lease-rule.ts'

/** The counts of one limit, by its rule's policy, that servers share. */
export interface LeaseCounts {
  /** `degraded`: they did not answer, and what was asked may have been taken. */
  acquire(key: string, cost: number): Promise<Decision>
  /** Rejects where nobody knows whether it was. */
  giveBack(key: string, amount: number): Promise<void>
}

export interface LeaseOptions {
  readonly name: string
  readonly rule: LeaseRule
  readonly counts: LeaseCounts
  readonly now: () => number
  readonly maxKeys: number
}

/** What one leased limit says of one request. Allowed, its tokens are taken: from a block, or from Redis. */
export interface Held {
  readonly told: LimitDecision
  readonly degraded: boolean
  /** Where they lie when they are put back; undefined: there is nothing to put back. */
  readonly from?: { readonly held: HeldKey; readonly block: Block; readonly cost: number }
}

/** The blocks of one limit. */
export interface Lease {
  /** At once where a block holds it. Rejects as the limiter does. */
  hold(key: string, cost: number): Held | Promise<Held>
  /** As `hold`, from a block alone; undefined: none holds it, and nobody is asked. */
  take(key: string, cost: number): Held | undefined
  /** The request was refused by another limit: the tokens are this server's to serve again, or go back. */
  putBack(held: Held): void
  /** Gives back what is idle, and forgets keys that are; a part of the keys at a time. */
  sweep(): void
  forget(key: string): void
  /** Of a key, what is served without asking Redis. */
  heldOf(key: string): number
  /** Whether nothing is known of any key, and nothing is on its way back. */
  isIdle(): boolean
  /** Gives everything back; from then on each request asks Redis. */
  close(): Promise<void>
}

const SWEPT_AT_ONCE = 10_000

export const leaseOf = ({ name, rule, counts, now, maxKeys }: LeaseOptions): Lease => {
  const keys = new Map<string, HeldKey>()
  const returns = new Set<Promise<void>>()
  let walk = keys.values()
  let isClosed = false

  /** Beyond `maxKeys` a key is asked for one request at a time. */
  const heldFor = (key: string, time: number): HeldKey => {
    const known = keys.get(key)
    if (known) return known
    const held = unusedKey(key, time)
    if (keys.size < maxKeys) keys.set(key, held)
    return held
  }

  const free = (held: HeldKey, time: number): number => {
    if (isClosed || keys.get(held.key) !== held) return 0
    if (time >= held.lostUntilUs) held.lost = 0
    return Math.max(0, rule.most - held.lost - held.returning - heldOf(held) - (held.refill?.size ?? 0))
  }

  const lose = (held: HeldKey, tokens: number, time: number, untilUs: number): void => {
    if (tokens === 0) return
    held.lost = (time < held.lostUntilUs ? held.lost : 0) + tokens
    held.lostUntilUs = Math.max(held.lostUntilUs, untilUs)
  }

  const loseOf = (held: HeldKey, block: Block, tokens: number, time: number): void =>
    lose(held, tokens, time, rule.lostUntil(block, time))

  const giveBack = (held: HeldKey, block: Block, time: number): void => {
    const credit = rule.creditOf(block, time)
    loseOf(held, block, block.tokens - credit, time)
    if (credit === 0) return
    held.returning += credit
    const done: Promise<void> = counts
      .giveBack(held.key, credit)
      // What it came to nobody knows: it counts as lost.
      .catch(() => loseOf(held, block, credit, now()))
      .finally(() => {
        held.returning -= credit
        returns.delete(done)
      })
    returns.add(done)
  }

  const dropEnded = (held: HeldKey, time: number): void => {
    for (let first = held.blocks[0]; first && time >= first.endUs; first = held.blocks[0]) {
      held.blocks.shift()
      loseOf(held, first, first.tokens, time)
    }
  }

  const learn = (held: HeldKey, { limits: [told], degraded }: Decision, time: number): void => {
    held.remaining = degraded ? undefined : told?.remaining
    held.resetUs = time + (told?.resetMs ?? 0) * 1_000
  }

  const tell = (held: HeldKey, time: number): LimitDecision => ({
    limit: name,
    allowed: true,
    remaining: (held.remaining ?? 0) + heldOf(held),
    resetMs: Math.max(0, Math.ceil((held.resetUs - time) / 1_000)),
    retryAfterMs: 0,
    delayMs: 0,
  })

  const blockOf = (tokens: number, bornUs: number, { limits: [told] }: Decision): Block => ({
    tokens,
    bornUs,
    endUs: rule.endOf(bornUs, told?.resetMs ?? 0),
  })

  const alone = async (held: HeldKey, cost: number): Promise<Held> => {
    const sentUs = now()
    const decision = await counts.acquire(held.key, cost)
    learn(held, decision, now())
    const told = decision.limits[0] ?? tell(held, now())
    if (decision.degraded) return { told, degraded: true }
    if (!decision.allowed || cost === 0) return { told, degraded: false }
    return { told, degraded: false, from: { held, block: blockOf(0, sentUs, decision), cost } }
  }

  /**
   * Tokens that nobody waits for are for whom is next. Where the limit answered without Redis none are kept, and all count as lost: Redis may
   * have taken them, and have answered too late.
   */
  const fetch = async (held: HeldKey, size: number, own: () => Refill, sentUs: number): Promise<Granted | undefined> => {
    let isHeard = false
    try {
      const decision = await counts.acquire(held.key, size)
      isHeard = !decision.degraded
      const time = now()
      learn(held, decision, time)
      if (!decision.allowed) return undefined
      const block = blockOf(decision.degraded ? 0 : own().free, sentUs, decision)
      held.refill = undefined
      if (block.tokens > 0) store(held, block, time)
      return { block, decision }
    } finally {
      held.refill = undefined
      const time = now()
      if (!isHeard) lose(held, size, time, rule.unheardUntil(time))
    }
  }

  const store = (held: HeldKey, block: Block, time: number): void => {
    if (held.isForgotten) return
    if (time >= block.endUs) loseOf(held, block, block.tokens, time)
    else if (block.tokens <= free(held, time)) insert(held, block)
    else giveBack(held, block, time)
  }

  const waited = async (held: HeldKey, refill: Refill, cost: number): Promise<Held> => {
    const granted = await refill.done
    if (!granted) return alone(held, cost)
    const { block, decision } = granted
    const told = { ...tell(held, now()), ...(decision.degraded && decision.limits[0]) }
    if (decision.degraded) return { told, degraded: true }
    return { told, degraded: false, from: { held, block, cost } }
  }

  /** One block of a key is fetched at a time. Whom it would not suffice for asks for itself: nobody waits twice but where it is refused. */
  const fetchOrAsk = (held: HeldKey, cost: number, time: number): Promise<Held> => {
    const { refill } = held
    if (refill) {
      if (refill.free < cost) return alone(held, cost)
      refill.free -= cost
      return waited(held, refill, cost)
    }
    const elapsedUs = time - held.sinceUs
    const { asked, remaining } = held
    const size = blockSize({ asked, elapsedUs, targetUs: rule.targetUs, most: rule.most, free: free(held, time), remaining })
    if (size > cost || elapsedUs >= rule.targetUs) [held.asked, held.sinceUs] = [0, time]
    if (size <= cost) return alone(held, cost)
    const own: Refill = {
      size,
      free: size - cost,
      done: Promise.resolve(undefined).then(() => fetch(held, size, () => own, time)),
    }
    held.refill = own
    return waited(held, own, cost)
  }

  const fromBlock = (held: HeldKey, cost: number, time: number): Held | undefined => {
    const block = spend(held, cost)
    if (!block) return undefined
    held.asked += cost
    held.usedUs = time
    return { told: tell(held, time), degraded: false, from: { held, block, cost } }
  }

  const drop = (held: HeldKey, time: number): void => {
    for (const block of held.blocks.splice(0)) giveBack(held, block, time)
  }

  return {
    hold(key, cost) {
      const time = now()
      const held = heldFor(key, time)
      dropEnded(held, time)
      if (cost === 0) return heldOf(held) > 0 ? { told: tell(held, time), degraded: false } : alone(held, 0)
      const taken = fromBlock(held, cost, time)
      if (taken) return taken
      const asked = fetchOrAsk(held, cost, time)
      held.asked += cost
      held.usedUs = time
      return asked
    },

    take(key, cost) {
      const held = keys.get(key)
      if (!held) return undefined
      const time = now()
      dropEnded(held, time)
      return fromBlock(held, cost, time)
    },

    putBack({ from }) {
      if (!from) return
      const { held, block, cost } = from
      const time = now()
      // What was taken from it may be in part of another that ends later.
      if (held.blocks.includes(block) && cost <= free(held, time)) block.tokens += cost
      else store(held, { ...block, tokens: cost }, time)
    },

    sweep() {
      const time = now()
      for (let n = 0; n < SWEPT_AT_ONCE; n += 1) {
        const { value: held } = walk.next()
        if (!held) {
          walk = keys.values()
          return
        }
        dropEnded(held, time)
        for (const block of held.blocks.filter((one) => rule.isDue(one, held.usedUs, time) && rule.creditOf(one, time) > 0)) {
          remove(held, block)
          giveBack(held, block, time)
        }
        const isIdle = held.blocks.length === 0 && !held.refill && held.returning === 0 && time - held.usedUs >= 4 * rule.targetUs
        if (isIdle && time >= held.lostUntilUs) keys.delete(held.key)
      }
    },

    forget(key) {
      const held = keys.get(key)
      if (!held) return
      held.isForgotten = true
      held.blocks.length = 0
      keys.delete(key)
    },

    heldOf(key) {
      const held = keys.get(key)
      if (!held) return 0
      dropEnded(held, now())
      return heldOf(held)
    },

    isIdle: () => keys.size === 0 && returns.size === 0,

    async close() {
      isClosed = true
      const time = now()
      for (const held of keys.values()) drop(held, time)
      await Promise.all([...keys.values()].map(({ refill }) => refill?.done.catch(() => undefined)))
      await Promise.all(returns)
    },
  }
}
