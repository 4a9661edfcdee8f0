import type { Core, Rows } from '../cores/core.ts'
import type { Decision, LimitDecision } from '../decision.ts'
import { type IsOver, type RedisClient, runner } from './client.ts'
import { packed } from './packed.ts'
import { SHORT_SCRIPT } from './script-short.ts'

/** A token bucket or fixed window as `SHORT_SCRIPT` counts it: in units of debt, of which a cost of one has `price`. */
export interface ShortPolicy {
  readonly price: number
  /** What fits. */
  readonly full: number
  /** What flows off every tick; of windows 0, by the epoch, or -1, from the first use. */
  readonly flow: number
  /** Of windows the length. Microseconds. */
  readonly tick: number
  /** An admitted request is told how long to wait. */
  readonly shapes: boolean
}

export interface ShortLimit {
  readonly name: string
  readonly core: Core
  readonly policy: ShortPolicy
  /** The script's numbers, of a cost of one, which most costs are, and of the policy. */
  readonly one: string
  readonly rest: string
}

/** One limit of a request. */
export interface ShortAsk {
  readonly short: ShortLimit
  readonly cost: number
}

/** Beyond it clients read integers of the protocol wrong: sums and spans that may be larger go the long way. */
const LARGE = 2 ** 52

/** What never fits fits no less. */
const MOST = 2 * LARGE

const isLarge = ({ full, flow, tick }: ShortPolicy): boolean =>
  full > LARGE || tick > LARGE || (flow > 0 && Math.ceil(full / flow) * tick > LARGE)

export const shortLimit = (name: string, core: Core, policy: ShortPolicy | undefined): ShortLimit | undefined => {
  if (!policy || isLarge(policy)) return undefined
  const { price, full, flow, tick } = policy
  const rest = packed(full) + packed(flow + 1) + packed(tick)
  return { name, core, policy, one: packed(price) + rest, rest }
}

const toMs = (us: number): number => Math.ceil(us / 1_000)

const row: Rows = new Float64Array(2)

/** What the core says of a row whose instant is `ahead` of now. `taken` is the script's: below zero the cost does not fit. */
const told = ({ short, cost }: ShortAsk, taken: number, ahead: number, allowed: boolean): LimitDecision => {
  const { name, core, policy } = short
  const fits = taken >= 0
  row[0] = 0
  row[1] = fits ? taken : -1 - taken
  const remaining = Math.max(0, core.room(row, 0, -ahead))
  const resetMs = toMs(core.reset(row, 0, -ahead))
  const retryAfterMs = fits ? 0 : toMs(core.wait(row, 0, -ahead, cost))
  let delayMs = 0
  if (policy.shapes && allowed && cost > 0) {
    core.giveBack(row, 0, -ahead, cost, 0)
    delayMs = toMs(core.reset(row, 0, -ahead))
  }
  return { limit: name, allowed: fits, remaining, resetMs, retryAfterMs, delayMs }
}

const numberOf = (item: unknown): number => {
  if (typeof item === 'number') return item
  if (typeof item === 'string' && /^-?\d+$/.test(item)) return Number(item)
  throw new TypeError('Redis answered what the limiter does not understand')
}

/** Of one limit that is told by one number the script answers that alone; where all rows' instants are now, only what was taken. */
const decisionOf = (asks: readonly ShortAsk[], reply: unknown): Decision => {
  const count = asks.length
  if (count === 1 && typeof reply === 'number') {
    const only = told(asks[0] as ShortAsk, reply, 0, reply >= 0)
    return { allowed: only.allowed, limits: [only] }
  }
  const numbers = Array.isArray(reply) ? reply : [reply]
  if (numbers.length !== count && numbers.length !== 2 * count) throw new TypeError('Redis answered for another number of limits')
  const taken = asks.map((_, i) => numberOf(numbers[i]))
  const allowed = taken.every((units) => units >= 0)
  const limits = asks.map((ask, i) => {
    const ahead = numbers.length > count ? numberOf(numbers[count + i]) : 0
    return told(ask, taken[i] as number, ahead, allowed)
  })
  return { allowed, limits }
}

/** Takes by the short script; `keys` are the rows'. `long`: asks `SCRIPT`, since a reservation of one of them has ended. */
export type ShortWay = (
  keys: readonly string[],
  asks: readonly ShortAsk[],
  long: () => Promise<Decision>,
  isOver?: IsOver,
) => Promise<Decision>

/** `serverTime`: for tests. */
export const shortWay = (client: RedisClient, serverTime?: () => number): ShortWay => {
  const run = runner(client, SHORT_SCRIPT)
  return (keys, asks, long, isOver) => {
    let numbers = ''
    for (const { short, cost } of asks)
      numbers += cost === 1 ? short.one : packed(Math.min(cost * short.policy.price, MOST)) + short.rest
    const args = serverTime ? [numbers, String(serverTime())] : [numbers]
    return run(keys, args, (reply) => (reply === null ? long() : decisionOf(asks, reply)), isOver)
  }
}
