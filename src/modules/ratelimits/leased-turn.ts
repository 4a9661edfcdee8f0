import type { CountAnswer, CountAsk } from './counting.ts'
import type { Held, Lease } from './limiter/leases/lease.ts'

/** What came of asking for several limits, some of them leased. */
export interface LeasedTurn {
  /** In the order of the asks; undefined: the counts could not be reached, and nothing is known to be taken of this limit. */
  readonly answers: readonly (CountAnswer | undefined)[]
  /** The request is refused after all: puts what leases gave back to them, and tells how things stand after it. */
  undo(): readonly (CountAnswer | undefined)[]
}

export interface LeasedTurnOptions {
  readonly leaseOf: (ask: CountAsk) => Lease | undefined
  /** All of several limits that are not leased or none; without `take` it only looks. undefined: Redis did not answer. */
  readonly count: (asks: readonly CountAsk[], take: boolean) => Promise<readonly CountAnswer[] | undefined>
}

interface Hold {
  readonly lease: Lease
  readonly held: Held
}

const answerOf = ({ told: { allowed, remaining, resetMs, retryAfterMs, delayMs } }: Held, back = 0): CountAnswer => ({
  fits: allowed,
  remaining: allowed ? remaining + back : remaining,
  resetMs,
  retryAfterMs,
  delayMs,
  degraded: false,
})

const putBack = (holds: Iterable<Hold>): void => {
  for (const { lease, held } of holds) if (held.told.allowed) lease.putBack(held)
}

/** Takes from all at once, each from its block; undefined: one of them has none that holds it, and nothing is taken. */
export const takeHeld = (
  asks: readonly CountAsk[],
  leaseOf: LeasedTurnOptions['leaseOf'],
): readonly CountAnswer[] | undefined => {
  const holds: Hold[] = []
  for (const ask of asks) {
    const lease = leaseOf(ask)
    const held = lease?.take(ask.key, ask.cost)
    if (!lease || !held) {
      putBack(holds)
      return undefined
    }
    holds.push({ lease, held })
  }
  return holds.map(({ held }) => answerOf(held))
}

/** Every lease is waited for: what one of them gave when another fails is put back. */
const holdAll = async (
  asks: readonly CountAsk[],
  leaseOf: LeasedTurnOptions['leaseOf'],
): Promise<ReadonlyMap<CountAsk, Hold>> => {
  const settled = await Promise.allSettled(
    asks.map(async (ask): Promise<[CountAsk, Hold][]> => {
      const lease = leaseOf(ask)
      return lease ? [[ask, { lease, held: await lease.hold(ask.key, ask.cost) }]] : []
    }),
  )
  const holds = new Map(settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])))
  const failed = settled.find((one) => one.status === 'rejected')
  if (!failed) return holds
  putBack(holds.values())
  throw failed.reason
}

/** First each leased limit, from its block or by a request of its own; then all others in one step, which takes nothing if a leased one refused. */
export const takeLeased = async (asks: readonly CountAsk[], { leaseOf, count }: LeasedTurnOptions): Promise<LeasedTurn> => {
  const holds = await holdAll(asks, leaseOf)
  const all = [...holds.values()]
  const isReached = all.every(({ held }) => !held.degraded)
  const others = asks.filter((ask) => !holds.has(ask))
  try {
    const fits = all.every(({ held }) => held.told.allowed)
    const counted = isReached && others.length > 0 ? await count(others, fits) : []
    const told = new Map(others.map((ask, i) => [ask, counted?.[i]]))
    const answers = (isUndone: boolean) =>
      asks.map((ask) => {
        const hold = holds.get(ask)
        if (!hold) return told.get(ask)
        return hold.held.degraded ? undefined : answerOf(hold.held, isUndone ? ask.cost : 0)
      })
    return {
      answers: answers(false),
      undo() {
        putBack(all)
        return answers(true)
      },
    }
  } catch (error) {
    putBack(all)
    throw error
  }
}
