import type { Core, Rows } from '../cores/core.ts'
import type { Decision, LimitDecision } from '../decision.ts'
import { type RedisClient, runner } from './client.ts'
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
  /** The script's arguments at a cost of one: most costs are. */
  readonly args: readonly [cost: string, full: string, flow: string, tick: string]
}

/** One limit of a request. */
export interface ShortAsk {
  readonly short: ShortLimit
  readonly cost: number
}

/** Beyond it clients read integers of the protocol wrong: sums and spans that may be larger go the long way. */
const LARGE = 2 ** 52

const isLarge = ({ full, flow, tick }: ShortPolicy): boolean =>
  full > LARGE || tick > LARGE || (flow > 0 && Math.ceil(full / flow) * tick > LARGE)

export const shortLimit = (name: string, core: Core, policy: ShortPolicy | undefined): ShortLimit | undefined => {
  if (!policy || isLarge(policy)) return undefined
  const { price, full, flow, tick } = policy
  return { name, core, policy, args: [String(price), String(full), String(flow), String(tick)] }
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

/** Of one limit whose row's instant is now the script answers one number. */
const decisionOf = (asks: readonly ShortAsk[], reply: unknown): Decision => {
  const numbers = Array.isArray(reply) ? reply.map(numberOf) : [numberOf(reply), 0]
  if (numbers.length !== 2 * asks.length) throw new TypeError('Redis answered for another number of limits')
  let allowed = true
  for (let i = 0; i < numbers.length; i += 2) if ((numbers[i] as number) < 0) allowed = false
  return { allowed, limits: asks.map((ask, i) => told(ask, numbers[2 * i] as number, numbers[2 * i + 1] as number, allowed)) }
}

/** Takes by the short script; `keys` are the rows'. undefined: `SCRIPT` is to be asked, since a reservation of one of them has ended. */
export type ShortWay = (keys: readonly string[], asks: readonly ShortAsk[]) => Promise<Decision | undefined>

/** `serverTime`: for tests. */
export const shortWay = (client: RedisClient, serverTime?: () => number): ShortWay => {
  const run = runner(client, SHORT_SCRIPT)
  return (keys, asks) => {
    const args: string[] = []
    for (const { short, cost } of asks) {
      const [one, full, flow, tick] = short.args
      args.push(cost === 1 ? one : String(cost * short.policy.price), full, flow, tick)
    }
    if (serverTime) args.push(String(serverTime()))
    return run(keys, args).then((reply) => (reply === null ? undefined : decisionOf(asks, reply)))
  }
}
