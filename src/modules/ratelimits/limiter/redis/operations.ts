import { compile } from '../compile.ts'
import { type Ask, checkCost, type Decision } from '../decision.ts'
import type { Policy } from '../policy.ts'
import type { Settlement } from '../reservation.ts'
import { type RedisClient, runner } from './client.ts'
import { groupOfAll, reservationKey, rowKey, tagOf } from './keys.ts'
import { isInUse, isOfOthers, numbersOf, outrunAt, toDecision, toSettlement } from './reply.ts'
import { reservedAsks } from './reserved-asks.ts'
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

/** What the script does, one round trip each, without an answer for a server that is slow or gone. */
export interface Operations {
  /** Throws RangeError for what no server needs to be asked about. */
  check(asks: readonly Ask[], ...ids: readonly string[]): void
  take(asks: readonly Ask[]): Promise<Decision>
  hold(id: string, asks: readonly Ask[], ttlMs: number): Promise<Decision>
  settle(id: string, costs: Readonly<Record<string, number>>): Promise<Settlement>
  release(id: string): Promise<Settlement>
  giveBack(ask: Required<Ask>): Promise<void>
  forget(limit: string, key: string): Promise<void>
}

type Wanted = Required<Ask>
/** The script's word for a truth that is not told: the estimate. */
const UNTOLD = -1
const CLOCK_TRIES = 3

export const operations = (options: OperationsOptions): Operations => {
  const { limits, client, prefix = 'rl', groupOf = tagOf, now, serverTime } = options
  const run = runner(client)
  const known = reservedAsks()
  const specs = new Map(
    Object.entries(limits).map(([name, policy]): [string, Spec] => [name, specOf(policy, compile(policy).core.limit)]),
  )
  let aheadUs = 0

  const specFor = (name: string): Spec => {
    const spec = specs.get(name)
    if (!spec) throw new RangeError(`there is no limit '${name}'; there are ${[...specs.keys()].join(', ')}`)
    return spec
  }

  const wantedOf = (asks: readonly Ask[]): readonly Wanted[] => {
    if (asks.length > 1 && new Set(asks.map(({ limit }) => limit)).size < asks.length)
      throw new RangeError('a limit stands twice in one request; ask for its keys one by one')
    return asks.map(({ limit, key, cost = 1 }) => {
      specFor(limit)
      return { limit, key, cost: checkCost(cost) }
    })
  }

  const rowKeys = (group: string, wanted: readonly Wanted[]): readonly string[] =>
    wanted.map(({ limit, key }) => rowKey(prefix, group, limit, specFor(limit).layout, key))

  /** The script picks a calendar's window by its own time; where the ends that it was sent do not hold that, it says the time. */
  const ask = async (
    op: string,
    keys: readonly string[],
    wanted: readonly Wanted[],
    ttlMs = 0,
    note = '',
  ): Promise<readonly number[]> => {
    for (let tries = 0; tries < CLOCK_TRIES; tries += 1) {
      const injected = serverTime?.()
      const time = injected ?? now() + aheadUs
      const head = [op, injected === undefined ? '' : String(injected), String(ttlMs), note]
      const numbers = numbersOf(
        await run(keys, [...head, ...wanted.flatMap(({ limit, cost }) => specFor(limit).args(cost, time))]),
      )
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
    const reply = await run([reservationKey(prefix, group, id)], ['look', '', '0', ''])
    return typeof reply === 'string' ? known.parse(reply) : undefined
  }

  const end = async (op: 'settle' | 'release', id: string, costOf: (limit: string) => number): Promise<Settlement> => {
    const group = groupOf(id)
    const asks = await heldBy(group, id)
    if (!asks) return { state: 'unknown', changed: false }
    const wanted = asks.map(({ limit, key }) => ({ limit, key, cost: costOf(limit) }))
    const keys = [reservationKey(prefix, group, id), ...rowKeys(group, wanted)]
    const numbers = await ask(op, keys, wanted, 0, known.format(asks))
    if (!isOfOthers(numbers)) return toSettlement(numbers)
    // The id was used again elsewhere, once its first reservation was forgotten.
    known.forget(id)
    return end(op, id, costOf)
  }

  const groupFor = (asks: readonly Ask[], ...ids: readonly string[]): string =>
    groupOfAll([...ids, ...asks.map(({ key }) => key)], groupOf)

  return {
    check(asks, ...ids) {
      groupFor(wantedOf(asks), ...ids)
    },

    async take(asks) {
      const wanted = wantedOf(asks)
      if (wanted.length === 0) return { allowed: true, limits: [] }
      const numbers = await ask('take', rowKeys(groupFor(wanted), wanted), wanted)
      return toDecision(
        asks.map(({ limit }) => limit),
        numbers,
      )
    },

    async hold(id, asks, ttlMs) {
      if (!Number.isSafeInteger(ttlMs) || ttlMs < 1) throw new RangeError(`ttlMs is ${ttlMs}; it must be a whole number from 1`)
      const wanted = wantedOf(asks)
      const group = groupFor(wanted, id)
      const keys = [reservationKey(prefix, group, id), ...rowKeys(group, wanted)]
      const numbers = await ask('hold', keys, wanted, ttlMs, known.format(asks))
      if (isInUse(numbers)) throw new RangeError(`there is a reservation '${id}' already`)
      const decision = toDecision(
        asks.map(({ limit }) => limit),
        numbers,
      )
      if (decision.allowed) known.remember(id, asks)
      return decision
    },

    async settle(id, costs) {
      for (const cost of Object.values(costs)) checkCost(cost)
      return end('settle', id, (limit) => costs[limit] ?? UNTOLD)
    },

    release: (id) => end('release', id, () => UNTOLD),

    async giveBack({ limit, key, cost }) {
      const wanted = wantedOf([{ limit, key, cost }])
      await ask('refund', rowKeys(groupOf(key), wanted), wanted)
    },

    async forget(limit, key) {
      await run(rowKeys(groupOf(key), wantedOf([{ limit, key }])), ['forget', '', '0', ''])
    },
  }
}
