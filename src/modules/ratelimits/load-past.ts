import type { Clock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import { unavailable, unprocessable } from '../../platform/errors.ts'
import type { Tier } from '../catalog/index.ts'
import { byPriority, needsTier } from './applicable.ts'
import { type Explanation, explain } from './explanation.ts'
import type { RateLimit, Subject } from './limit.ts'
import { limitsAt, type PastLimit } from './past-store.ts'
import { unknownLimit } from './service.ts'
import { findLimits } from './store.ts'

export interface PastExplanationDeps {
  readonly db: Pick<Database, 'lookup'>
  readonly clock: Pick<Clock, 'now'>
  readonly tierAt: (tenantId: string, at: Temporal.Instant) => Promise<Tier | undefined>
}

export interface PastQuestion {
  readonly at: Temporal.Instant
  readonly subject: Subject
  readonly priority?: number | undefined
  /** Which limits; those that were in force then unless told. */
  readonly limitIds?: readonly string[] | undefined
  /** Whether a limit is the asker's affair. */
  readonly isTheirs: (limit: RateLimit) => boolean
}

/** Throws 422 `at_in_future`, `at_before_limit`; 404 `rate_limit_not_found`; 503 `explanations_busy`. */
export type ExplainPast = (question: PastQuestion) => Promise<Explanation>

/** Of a server's explanations of the past so many wait; each is dearer than a check. */
const MOST_WAITING = 20

/** One at a time: the connections for looking up are those that every caller's key is looked up on. */
const oneByOne = (db: Pick<Database, 'lookup'>) => {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return async <T>(work: (tx: ControlTx) => Promise<T>): Promise<T> => {
    if (waiting >= MOST_WAITING)
      throw unavailable('explanations_busy', 'too much of the past is asked for at once; ask again in a second', {
        retry_after: 1,
      })
    waiting += 1
    const mine = last.then(() => db.lookup(work))
    last = mine.catch(() => {})
    try {
      return await mine
    } finally {
      waiting -= 1
    }
  }
}

/**
 * How limits met a request at a past instant: by the versions, levels and tiers of then. Servers hear of a change within a second, so that
 * for as long after it one may still have gone by the version before.
 */
export const pastExplanation = ({ db, clock, tierAt }: PastExplanationDeps): ExplainPast => {
  const inTurn = oneByOne(db)
  const namedAt = async (ids: readonly string[], { at, isTheirs }: PastQuestion): Promise<readonly PastLimit[]> =>
    inTurn(async (tx) => {
      const then = new Map((await limitsAt(tx, at, ids)).map((past) => [past.limit.id, past]))
      const now = new Map((await findLimits(tx, ids)).map((limit) => [limit.id, limit]))
      return ids.map((id) => {
        const [past, limit] = [then.get(id), now.get(id)]
        if (!limit || !isTheirs(past?.limit ?? limit)) throw unknownLimit(id)
        if (!past) throw unprocessable('at_before_limit', `rate limit ${id} was made at ${limit.createdAt}; ask from then on`)
        return past
      })
    })

  const allAt = async ({ at, isTheirs }: PastQuestion): Promise<readonly PastLimit[]> =>
    (await inTurn((tx) => limitsAt(tx, at))).filter(({ limit }) => isTheirs(limit))

  return async (question) => {
    const { at, subject, priority = 0, limitIds } = question
    const now = clock.now()
    if (Temporal.Instant.compare(at, now) > 0)
      throw unprocessable('at_in_future', `at is ${at}, and it is ${now}; leave it out to ask how things stand`)
    const past = await (limitIds ? namedAt(limitIds, question) : allAt(question))
    const { tenantId } = subject
    const asksTier = tenantId !== undefined && past.some(({ limit }) => needsTier(limit.current))
    const tier = asksTier ? await tierAt(tenantId, at) : undefined
    const situation = { subject, tier, priority, atMs: at.epochMilliseconds }
    return {
      tier: tier ?? null,
      limits: past
        .toSorted((a, b) => byPriority(a.limit, b.limit))
        .map(({ limit, until }) => ({ ...explain(limit, situation), until })),
    }
  }
}
