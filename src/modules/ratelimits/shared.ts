import type { Logger } from 'pino'
import { inTime } from '../../lib/in-time.ts'
import { unavailable } from '../../platform/errors.ts'
import type { CountAnswer, CountAsk, Limiter } from './counting.ts'
import { countingAlone } from './counting-alone.ts'
import { asCounted, leasedLimits } from './leased-limits.ts'
import { takeLeased } from './leased-turn.ts'
import { checkCost } from './limiter/decision.ts'
import type { IsOver } from './limiter/redis/client.ts'
import { gate } from './limiter/redis/failure.ts'
import { type SharedCountsOptions, sharedCounts } from './shared-counts.ts'

export interface SharedLimiterOptions extends SharedCountsOptions {
  /** Of the hash of the keys that are counted here while Redis is away. */
  readonly seed: number
  /** A check waits no longer for Redis; 50 in production. */
  readonly deadlineMs: number
  /** Among how many servers a limit is divided while Redis is away. */
  readonly liveServers: () => number
  readonly log: Logger
}

export interface SharedLimiter extends Limiter {
  /** Whether Redis is asked: not while it is taken for gone. */
  isReachable(): boolean
  /** Gives back what is leased and not used; to be called a few times a second. */
  sweepLeases(): void
  /** Gives back all that is leased, when no more is asked. */
  endLeases(): Promise<void>
}

/** A reset or a give-back waits longer: nothing hangs on it, and it is not to be lost. */
const PATIENCE = 20

const fitsAll = (answers: readonly (CountAnswer | undefined)[]): boolean => answers.every((answer) => !answer || answer.fits)

/** A look, with what this server holds beside what Redis has left. */
const withHeld = (answer: CountAnswer, cost: number, held: number): CountAnswer => {
  const remaining = answer.remaining + held
  return answer.fits || held < Math.max(cost, 1)
    ? { ...answer, remaining }
    : { ...answer, remaining, fits: true, retryAfterMs: 0 }
}

/**
 * Counts in Redis, shared by all servers: exact over them, one trip a request, and what is leased from blocks taken before. Without an answer in
 * time each limit says what it says.
 */
export const sharedLimiter = ({ seed, deadlineMs, liveServers, log, ...options }: SharedLimiterOptions): SharedLimiter => {
  const { now } = options
  const counts = sharedCounts(options)
  const alone = countingAlone({ now, seed, liveServers })
  let isGone = false

  const server = gate({
    deadlineMs,
    now,
    onFailure(error) {
      if (isGone || server.isOpen()) return
      isGone = true
      log.warn({ err: error }, 'Redis does not answer; until it does each rate limit answers by its on_unavailable')
    },
  })
  const patient = gate({ deadlineMs: PATIENCE * deadlineMs, now })

  const count = async (
    asks: readonly CountAsk[],
    take: boolean,
    isAllOver?: IsOver,
  ): Promise<readonly CountAnswer[] | undefined> => {
    const answers = await server.run(
      (isOver) => counts.count(asks.map(asCounted), take, () => isOver() || isAllOver?.() === true),
      () => undefined,
    )
    if (answers && isGone) {
      isGone = false
      log.info('Redis answers again; rate limits are counted in it')
    }
    return answers
  }

  /** Whether it was done, in more time than a check has. */
  const insist = (work: () => Promise<void>): Promise<boolean> =>
    patient.run(
      async () => {
        await work()
        return true
      },
      () => false,
    )

  const leases = leasedLimits({
    now,
    take: async (ask) => (await count([ask], true))?.[0],
    async giveBack(ask) {
      if (!(await insist(() => counts.giveBack(asCounted(ask))))) throw new Error('Redis does not answer')
    },
  })

  const look = async (asks: readonly CountAsk[]): Promise<readonly CountAnswer[]> => {
    const held = asks.map(leases.heldOf)
    const answers = await count(asks, false)
    if (!answers) return alone.decide(asks, { take: false })
    return answers.map((answer, i) => withHeld(answer, asks[i]?.cost ?? 0, held[i] ?? 0))
  }

  const take = async (asks: readonly CountAsk[]): Promise<readonly CountAnswer[]> =>
    (await count(asks, true)) ?? alone.decide(asks, { take: true })

  /** What could not be reached is decided last and together, so that no share of it is taken for a request that is refused. */
  const takeWithLeases = async (asks: readonly CountAsk[]): Promise<readonly CountAnswer[]> => {
    const turn = await inTime({
      deadlineMs,
      work: (isOver) =>
        takeLeased(asks, { leaseOf: leases.of, count: async (rest, take) => (isOver() ? undefined : count(rest, take, isOver)) }),
      late: (done) => void done.undo(),
    })
    const known = turn?.answers ?? []
    const missing = asks.filter((_, i) => !known[i])
    const own = missing.length === 0 ? [] : await alone.decide(missing, { take: fitsAll(known) })
    const fits = fitsAll(known) && fitsAll(own)
    const told = (fits ? known : turn?.undo()) ?? []
    const rest = own.values()
    return asks.flatMap((_, i) => told[i] ?? rest.next().value ?? [])
  }

  return {
    isReachable: server.isOpen,
    async decide(asks, { take: takes, withinMs }) {
      for (const { cost } of asks) checkCost(cost)
      if (asks.length === 0) return []
      const work = () => (!takes ? look(asks) : asks.some(leases.of) ? takeWithLeases(asks) : take(asks))
      if (withinMs === undefined || withinMs >= deadlineMs) return work()
      return (await inTime({ deadlineMs: withinMs, work, late: () => {} })) ?? alone.decide(asks, { take: takes })
    },
    async reset(ask) {
      await alone.reset(ask)
      leases.forget(ask)
      if (await insist(() => counts.forget(asCounted(ask)))) return
      throw unavailable('rate_limit_counts_unreachable', 'the counts of rate limits cannot be reached; reset the key again later')
    },
    sweepLeases: leases.sweep,
    endLeases: leases.close,
  }
}
