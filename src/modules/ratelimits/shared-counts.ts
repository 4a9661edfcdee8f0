import { byGroup, groupOf } from './count-group.ts'
import type { CountAnswer, CountAsk, Former } from './counting.ts'
import { type GroupCounts, takeInTurns } from './group-turns.ts'
import { compile } from './limiter/compile.ts'
import type { Decision, LimitDecision } from './limiter/decision.ts'
import type { Policy } from './limiter/policy.ts'
import { scriptCall, type Wanted } from './limiter/redis/call.ts'
import type { IsOver, RedisClient } from './limiter/redis/client.ts'
import { rowKeys } from './limiter/redis/keys.ts'
import { toDecision } from './limiter/redis/reply.ts'
import { type ShortAsk, type ShortLimit, shortLimit, shortWay } from './limiter/redis/short-way.ts'
import { type Spec, specOf } from './limiter/redis/spec.ts'

export interface SharedCountsOptions {
  readonly client: RedisClient
  /** A Redis Cluster: what lies in several groups is asked group by group. */
  readonly isCluster: boolean
  readonly prefix: string
  /** Whole microseconds since the epoch. */
  readonly now: () => number
  /** For tests: the time that is to be taken for the server's. */
  readonly serverTime?: () => number
}

/** The counts in Redis. Whatever fails there is thrown. */
export interface SharedCounts {
  /** All fit and, with `take`, are taken, or nothing is. Once it is over nothing further is asked, and what was lent goes back. */
  count(asks: readonly CountAsk[], take: boolean, isOver?: IsOver): Promise<readonly CountAnswer[]>
  /** What was taken in the window or bucket that runs, never more. Not to be repeated: twice gives back twice. */
  giveBack(ask: Pick<CountAsk, 'counter' | 'policy' | 'key' | 'cost'>): Promise<void>
  forget(ask: Omit<CountAsk, 'cost' | 'onUnavailable'>): Promise<void>
}

type Counted = Omit<CountAsk, 'cost' | 'onUnavailable'>

/** A policy as the script counts by it. */
interface Form {
  readonly spec: Spec
  /** Where the short script can count it. */
  readonly short: ShortLimit | undefined
}

/** Beyond these a key's former counts are looked for again, which finds none. */
const MAX_CARRIED = 100_000

const formOf = (policy: Policy): Form => {
  const { core } = compile(policy)
  const spec = specOf(policy, core.limit)
  return { spec, short: shortLimit(policy.algorithm, core, spec.short) }
}

const answerOf = ({ allowed, remaining, resetMs, retryAfterMs, delayMs }: LimitDecision): CountAnswer => ({
  fits: allowed,
  remaining,
  resetMs,
  retryAfterMs,
  delayMs,
  degraded: false,
})

const decisionOf = (asks: readonly CountAsk[], numbers: readonly number[]): Decision =>
  toDecision(
    asks.map(({ limitId }) => limitId),
    numbers,
  )

const answersOf = (asks: readonly CountAsk[], numbers: readonly number[]): readonly CountAnswer[] =>
  decisionOf(asks, numbers).limits.map(answerOf)

/** What does not pass does not leave. */
const waitingForNothing = (answer: CountAnswer): CountAnswer => (answer.delayMs === 0 ? answer : { ...answer, delayMs: 0 })

export const sharedCounts = ({ isCluster, prefix, ...options }: SharedCountsOptions): SharedCounts => {
  const call = scriptCall(options)
  const short = shortWay(options.client, options.serverTime)
  const carried = new Set<string>()
  const forms = new WeakMap<Policy, Form>()

  const form = (policy: Policy): Form => {
    const known = forms.get(policy)
    if (known) return known
    const made = formOf(policy)
    forms.set(policy, made)
    return made
  }

  const wanted = ({ counter, policy, key }: Pick<CountAsk, 'counter' | 'policy' | 'key'>, cost: number): Wanted => {
    const { spec } = form(policy)
    return { key: rowKeys(prefix, counter, spec.layout)(groupOf(key), key), spec, cost }
  }

  const formerRows = ({ key }: Counted, former: readonly Former[]): readonly Wanted[] =>
    former.map(({ counter, policy }) => wanted({ counter, policy, key }, 0))

  /** What a key has taken under earlier versions comes along with its next request: one more trip, once a version, key and process. */
  const carry = async (ask: CountAsk, isOver?: IsOver): Promise<void> => {
    if (ask.former.length === 0) return
    const named = new Map(ask.former.map((one) => [`${ask.version} ${one.counter} ${ask.key}`, one]))
    const left = [...named].filter(([name]) => !carried.has(name))
    if (left.length === 0) return
    const former = left.map(([, one]) => one)
    await call('carry', [...formerRows(ask, former), wanted(ask, 0)], '', isOver)
    for (const [name, { isLeft }] of left) {
      if (!isLeft) continue // a server that has yet to hear of the change may count there
      if (carried.size >= MAX_CARRIED) carried.clear()
      carried.add(name)
    }
  }

  const ask = (op: string, asks: readonly CountAsk[], note?: string, isOver?: IsOver): Promise<readonly number[]> =>
    call(
      op,
      asks.map((one) => wanted(one, one.cost)),
      note,
      isOver,
    )

  /** undefined: one of them is neither a bucket nor a window. */
  const shortsOf = (asks: readonly CountAsk[]): readonly ShortAsk[] | undefined => {
    const shorts: ShortAsk[] = []
    for (const { policy, cost } of asks) {
      const { short: limit } = form(policy)
      if (!limit) return undefined
      shorts.push({ short: limit, cost })
    }
    return shorts
  }

  const take = async (asks: readonly CountAsk[], isOver?: IsOver): Promise<readonly CountAnswer[]> => {
    const long = async () => decisionOf(asks, await ask('take', asks, '', isOver))
    const shorts = shortsOf(asks)
    const keys = () => asks.map((one) => wanted(one, one.cost).key)
    const { limits } = await (shorts ? short(keys(), shorts, long, isOver) : long())
    return limits.map(answerOf)
  }

  const together = (isOver?: IsOver): GroupCounts => ({
    take: (asks) => take(asks, isOver),
    look: async (asks) => answersOf(asks, await ask('try', asks, '', isOver)),
    async lend(asks) {
      const numbers = await ask('lend', asks, '', isOver)
      const stamps = numbers.slice(-asks.length).join(',')
      return { answers: answersOf(asks, numbers), undo: async () => answersOf(asks, await ask('undo', asks, stamps)) }
    },
  })

  const overGroups = async (
    asks: readonly CountAsk[],
    takes: boolean,
    each: GroupCounts,
    isOver?: IsOver,
  ): Promise<readonly CountAnswer[]> => {
    const groups = byGroup(asks)
    const answers = await (takes ? takeInTurns(groups, each, isOver) : Promise.all(groups.map(each.look)))
    const told = new Map(groups.flatMap((group, g) => group.map((asked, i) => [asked, answers[g]?.[i]] as const)))
    return asks.flatMap((asked) => told.get(asked) ?? [])
  }

  return {
    async count(asks, takes, isOver) {
      await Promise.all(asks.map((one) => carry(one, isOver)))
      const each = together(isOver)
      const answers = await (isCluster ? overGroups(asks, takes, each, isOver) : takes ? each.take(asks) : each.look(asks))
      return answers.every(({ fits }) => fits) ? answers : answers.map(waitingForNothing)
    },
    async giveBack(ask) {
      await call('refund', [wanted(ask, ask.cost)])
    },
    async forget(ask) {
      await call('forget', [...formerRows(ask, ask.former), wanted(ask, 0)])
    },
  }
}
