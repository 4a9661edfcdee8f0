import { type Compiled, compile } from '../compile.ts'
import { type Ask, checkCost, checkKey, type Decision } from '../decision.ts'
import type { Policy } from '../policy.ts'
import { checkTold, checkTtl, type Settlement, toldOf } from '../reservation.ts'
import { compileSuccessor } from '../shape.ts'
import { type IsOver, type RedisClient, runner } from './client.ts'
import { groupOfAll, type RowKey, reservationKey, rowKeys, tagOf } from './keys.ts'
import { isInUse, isOfOthers, numbersOf, outrunAt, toDecision, toSettlement } from './reply.ts'
import { reservedAsks } from './reserved-asks.ts'
import { type ShortAsk, type ShortLimit, shortLimit, shortWay } from './short-way.ts'
import { type Spec, specOf } from './spec.ts'

export interface OperationsOptions {
  readonly limits: Readonly<Record<string, Policy>>
  readonly client: RedisClient
  /** Keys begin with it; `rl` unless told. */
  readonly prefix?: string
  /** The group that a key or a reservation's id is of: what stands in its braces unless told. All keys of a request are of one. */
  readonly groupOf?: (key: string) => string
  /** This process's clock, whole microseconds since the epoch: for calendars, until the server has told its time. */
  readonly now: () => number
  /** For tests: the time that is to be taken for the server's. */
  readonly serverTime?: () => number
}

/** What is still to be sent. */
export type Sending<T> = (isOver?: IsOver) => Promise<T>

/** What the script does, one round trip each, without an answer for a server that is slow or gone. */
export interface Operations {
  /** Throws RangeError for what no server needs to be asked about. */
  take(asks: readonly Ask[]): Sending<Decision>
  /** As `take`. */
  hold(id: string, asks: readonly Ask[], ttlMs: number): Sending<Decision>
  settle(id: string, costs: Readonly<Record<string, number>>): Promise<Settlement>
  release(id: string): Promise<Settlement>
  giveBack(ask: Required<Ask>): Promise<void>
  forget(limit: string, key: string): Promise<void>
  /** Throws PolicyError for one by which the rows would mean something else. */
  setPolicy(limit: string, policy: Policy): void
}

/** A limit, and what follows from its policy. */
interface Counted {
  readonly name: string
  readonly policy: Policy
  readonly spec: Spec
  /** Where the short script can count it. */
  readonly short: ShortLimit | undefined
  readonly keyOf: RowKey
}

interface Wanted {
  readonly limit: Counted
  readonly short: ShortLimit | undefined
  readonly key: string
  readonly cost: number
}

const areShort = (wanted: readonly Wanted[]): wanted is readonly (Wanted & ShortAsk)[] =>
  wanted.every(({ short }) => short !== undefined)

/** The script's word for a truth that is not told: the estimate. */
const UNTOLD = -1
const CLOCK_TRIES = 3

export const operations = (options: OperationsOptions): Operations => {
  const { limits, client, prefix = 'rl', groupOf = tagOf, now, serverTime } = options
  const run = runner(client)
  const known = reservedAsks()
  const short = shortWay(client, serverTime)
  const countedBy = (name: string, policy: Policy, { core }: Compiled): Counted => {
    const spec = specOf(policy, core.limit)
    return { name, policy, spec, short: shortLimit(name, core, spec.short), keyOf: rowKeys(prefix, name, spec.layout) }
  }
  const counted = new Map(
    Object.entries(limits).map(([name, policy]): [string, Counted] => [name, countedBy(name, policy, compile(policy))]),
  )
  let aheadUs = 0

  const limitOf = (name: string): Counted => {
    const found = counted.get(name)
    if (!found) throw new RangeError(`there is no limit '${name}'; there are ${[...counted.keys()].join(', ')}`)
    return found
  }

  const wantedAt = (name: string, key: string, cost: number): Wanted => {
    const limit = limitOf(name)
    checkKey(name, key)
    return { limit, short: limit.short, key, cost }
  }

  const wantedOf = (asks: readonly Ask[]): readonly Wanted[] => {
    const wanted = asks.map(({ limit, key, cost = 1 }) => wantedAt(limit, key, checkCost(cost)))
    if (wanted.length > 1 && new Set(wanted.map(({ limit }) => limit)).size < wanted.length)
      throw new RangeError('a limit stands twice in one request; ask for its keys one by one')
    return wanted
  }

  const keysOf = (group: string, wanted: readonly Wanted[]): readonly string[] =>
    wanted.map(({ limit, key }) => limit.keyOf(group, key))

  /** The script picks a calendar's window by its own time; where the ends that it was sent do not hold that, it says the time. */
  const ask = async (
    op: string,
    keys: readonly string[],
    wanted: readonly Wanted[],
    ttlMs = 0,
    note = '',
    isOver?: IsOver,
  ): Promise<readonly number[]> => {
    for (let tries = 0; tries < CLOCK_TRIES; tries += 1) {
      const injected = serverTime?.()
      const time = injected ?? now() + aheadUs
      const head = [op, injected === undefined ? '' : String(injected), String(ttlMs), note]
      const args = [...head, ...wanted.flatMap(({ limit, cost }) => limit.spec.args(cost, time))]
      const numbers = await run(keys, args, numbersOf, isOver)
      const outrun = outrunAt(numbers)
      if (outrun === undefined) return numbers
      aheadUs = outrun - now()
    }
    throw new Error("the server's clock moves faster than its answers")
  }

  /** The limits and keys of a reservation: remembered by who made it, else asked for. */
  const heldBy = async (group: string, id: string): Promise<readonly Ask[] | undefined> => {
    const own = known.find(id)
    if (own) return own
    return run([reservationKey(prefix, group, id)], ['look', '', '0', ''], (reply) =>
      typeof reply === 'string' ? known.parse(reply) : undefined,
    )
  }

  const end = async (op: 'settle' | 'release', id: string, costs: Readonly<Record<string, number>>): Promise<Settlement> => {
    const group = groupOf(id)
    const asks = await heldBy(group, id)
    if (!asks) return { state: 'unknown', changed: false }
    checkTold(
      id,
      Object.keys(costs),
      asks.map(({ limit }) => limit),
    )
    const wanted = asks.map(({ limit, key }) => wantedAt(limit, key, toldOf(costs, limit) ?? UNTOLD))
    const keys = [reservationKey(prefix, group, id), ...keysOf(group, wanted)]
    const numbers = await ask(op, keys, wanted, 0, known.format(asks))
    if (!isOfOthers(numbers)) return toSettlement(numbers)
    // The id was used again elsewhere, once its first reservation was forgotten.
    known.forget(id)
    return end(op, id, costs)
  }

  const decide = (wanted: readonly Wanted[], numbers: readonly number[]): Decision =>
    toDecision(
      wanted.map(({ limit }) => limit.name),
      numbers,
    )

  const takeLong = async (keys: readonly string[], wanted: readonly Wanted[], isOver?: IsOver): Promise<Decision> =>
    decide(wanted, await ask('take', keys, wanted, 0, '', isOver))

  return {
    take(asks) {
      const wanted = wantedOf(asks)
      if (wanted.length === 0) return async () => ({ allowed: true, limits: [] })
      const [first] = wanted
      const group = first && wanted.length === 1 ? groupOf(first.key) : groupOfAll(wanted, groupOf)
      const keys = keysOf(group, wanted)
      if (!areShort(wanted)) return (isOver) => takeLong(keys, wanted, isOver)
      return (isOver) => short(keys, wanted, () => takeLong(keys, wanted, isOver), isOver)
    },

    hold(id, asks, ttlMs) {
      checkTtl(ttlMs)
      const wanted = wantedOf(asks)
      const group = groupOfAll(wanted, groupOf, id)
      const keys = [reservationKey(prefix, group, id), ...keysOf(group, wanted)]
      return async (isOver) => {
        const numbers = await ask('hold', keys, wanted, ttlMs, known.format(asks), isOver)
        if (isInUse(numbers)) throw new RangeError(`there is a reservation '${id}' already`)
        const decision = decide(wanted, numbers)
        if (decision.allowed) known.remember(id, asks)
        return decision
      }
    },

    async settle(id, costs) {
      for (const cost of Object.values(costs)) checkCost(cost)
      return end('settle', id, costs)
    },

    release: (id) => end('release', id, {}),

    async giveBack({ limit, key, cost }) {
      const wanted = wantedOf([{ limit, key, cost }])
      await ask('refund', keysOf(groupOf(key), wanted), wanted)
    },

    async forget(limit, key) {
      await run(keysOf(groupOf(key), wantedOf([{ limit, key }])), ['forget', '', '0', ''], numbersOf)
    },

    setPolicy(name, policy) {
      counted.set(name, countedBy(name, policy, compileSuccessor(name, limitOf(name).policy, policy)))
    },
  }
}
