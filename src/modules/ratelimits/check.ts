import type { Caller } from '../../platform/auth/caller.ts'
import type { Clock } from '../../platform/clock.ts'
import { forbidden, unprocessable } from '../../platform/errors.ts'
import { type Applicable, byPriority, followsLoad, meet, needsTier, type Situation } from './applicable.ts'
import { costOf, type StatedCost, usedOf } from './cost.ts'
import { counterOf } from './counter.ts'
import type { CountAnswer, CountAsk, Limiter } from './counting.ts'
import { explain } from './explanation.ts'
import type { RateLimit, Subject } from './limit.ts'
import type { LimitCache } from './limit-cache.ts'
import { isPerTenant, missingOf } from './limit-key.ts'
import { unknownLimit } from './service.ts'
import { askedOnce, endedOnce, type Outcome, type Tally } from './tally.ts'
import type { TierOf } from './tier-cache.ts'
import { type ToldFields, toldFields } from './told-fields.ts'
import { type Answer, answerOf, type Verdict, verdictOf } from './verdict.ts'

export interface CheckInput extends StatedCost {
  readonly subject: Subject
  /** Of the request: what limits reserve for it and lower ones it may use; 0 unless told. */
  readonly priority?: number | undefined
  /** Only tells how things stand: a cost of nothing. */
  readonly peek?: boolean | undefined
  /** Decides, and takes nothing. */
  readonly dryRun?: boolean | undefined
  /** How an earlier request ended; limits that follow the load heed it. */
  readonly observed?: Outcome | undefined
  /** Tells of each limit why it counts the request or does not. */
  readonly explain?: boolean | undefined
}

export interface NamedLimit extends StatedCost {
  readonly limitId: string
}

export interface CheckDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly limits: LimitCache
  readonly limiter: Limiter
  readonly tierOf: TierOf
  /** Hears of every request that was refused, or would have been by a limit in shadow mode. */
  readonly violated: (answer: Answer, subject: Subject) => void
  /** Hears what happens to the requests of limits that follow the load. */
  readonly note: (limitId: string, seen: Tally) => void
  /** From 0 to below 1. */
  readonly random: () => number
}

/** How one key stands. */
export interface Usage extends Answer {
  /** null: of more money than a number holds exactly, nobody counts what is left. */
  readonly used: number | string | null
}

/** The priority from which nothing is reserved. */
const WHOLE = Number.POSITIVE_INFINITY

/** One limit that is to be passed, and at what cost. */
interface Asked extends Applicable {
  readonly cost: number
  readonly followsLoad: boolean
}

const askOf = ({ limit, policy, key, cost }: Asked): CountAsk => ({
  limitId: limit.id,
  version: limit.current.version,
  counter: counterOf(limit.id, policy),
  policy,
  key,
  cost,
  onUnavailable: limit.current.onUnavailable,
  leased: limit.current.leased,
})

/** Looks, what never fits and what was answered without the counts say nothing of how tight a limit is. */
const isLoad = ({ cost }: Asked, { retryAfterMs, degraded }: CountAnswer): boolean =>
  cost > 0 && retryAfterMs < Number.POSITIVE_INFINITY && !degraded

/** What one tenant says of latencies would move a limit for all. */
const checkObserver = (caller: Caller, { observed }: CheckInput): void => {
  if (observed && caller.kind !== 'operator')
    throw forbidden(
      'observed_not_taken',
      "outcomes are heard from operators alone; leave out observed, or check with the operator's key",
    )
}

/** Decides by the limits that are in force. A tenant's key meets those alone that count each tenant apart: what it takes, it takes from itself. */
export const checkService = ({ clock, limits, limiter, tierOf, violated, note, random }: CheckDeps) => {
  const isFor = (caller: Caller, limit: RateLimit): boolean => caller.kind === 'operator' || isPerTenant(limit.current)

  /** `askWhy`: nothing is to be let through by the answer, so that it may also tell why a limit is not asked. */
  const named = async (caller: Caller, id: string, subject: Subject, askWhy = false): Promise<RateLimit> => {
    const limit = (await limits.find(id)) ?? (askWhy ? await limits.findArchived(id) : undefined)
    if (!limit || !isFor(caller, limit)) throw unknownLimit(id)
    const missing = missingOf(limit.current, subject)
    if (missing.length > 0 && !askWhy)
      throw unprocessable('subject_incomplete', `rate limit ${id} counts by ${missing.join(', ')}; send a valid one`, { missing })
    return limit
  }

  const situationOf = async (all: readonly RateLimit[], subject: Subject, priority = 0): Promise<Situation> => {
    const { tenantId } = subject
    const asksTier = tenantId !== undefined && all.some(({ current }) => needsTier(current))
    const tier = asksTier ? await tierOf(tenantId) : undefined
    return { subject, tier, priority, atMs: clock.now().epochMilliseconds }
  }

  const theOne = async (caller: Caller, id: string, subject: Subject): Promise<Asked> => {
    const limit = await named(caller, id, subject)
    const one = meet(limit, await situationOf([limit], subject, WHOLE))
    if (!one) throw unprocessable('rate_limit_not_applicable', `rate limit ${id} is not about this subject, or does not limit it`)
    return { ...one, cost: 0, followsLoad: false }
  }

  /** A shadow takes only from itself, and only where the limits that enforce let the request pass. */
  const decide = async (asked: readonly Asked[], subject: Subject, { peek, dryRun }: CheckInput): Promise<Verdict> => {
    const take = !peek && !dryRun
    const enforced = asked.filter(({ limit }) => limit.current.mode === 'enforce')
    const counted = await limiter.decide(enforced.map(askOf), { take })
    const passes = counted.every(({ fits }) => fits)
    const shadows = asked.filter(({ limit }) => limit.current.mode === 'shadow')
    const shadowed = await Promise.all(shadows.map((one) => limiter.decide([askOf(one)], { take: take && passes })))
    const counts = { enforce: counted.values(), shadow: shadowed.flat().values() }
    const answers = asked.flatMap((one) => {
      const { value } = counts[one.limit.current.mode].next()
      if (!value) return []
      if (take && one.followsLoad && isLoad(one, value)) note(one.limit.id, askedOnce(!value.fits))
      return [answerOf(one, value)]
    })
    if (take)
      for (const answer of answers) if (answer.wouldRefuse && (passes || answer.mode === 'enforce')) violated(answer, subject)
    return verdictOf(answers)
  }

  /** All of them, in the order given, at what each costs. */
  const decideBy = async (
    all: readonly RateLimit[],
    input: CheckInput,
    costFor: (one: Applicable) => number,
  ): Promise<Verdict> => {
    const { subject, priority, peek, explain: askWhy, observed } = input
    const situation = await situationOf(all, subject, priority)
    const asked = all.flatMap((limit) => {
      const one = meet(limit, situation)
      return one ? [{ ...one, cost: peek ? 0 : costFor(one), followsLoad: followsLoad(limit, situation) }] : []
    })
    if (observed) for (const one of asked) if (one.followsLoad) note(one.limit.id, endedOnce(observed))
    const verdict = await decide(asked, subject, input)
    if (!askWhy) return verdict
    return { ...verdict, explanation: { tier: situation.tier ?? null, limits: all.map((limit) => explain(limit, situation)) } }
  }

  return {
    /** One limit by its id; it answers nothing where it is not about what is asked for, or does not limit who asks. */
    async one(caller: Caller, id: string, input: CheckInput): Promise<Verdict> {
      checkObserver(caller, input)
      const limit = await named(caller, id, input.subject, input.peek && input.explain)
      return decideBy([limit], input, ({ policy }) => costOf(policy, input, true))
    },

    /** Many limits, all or nothing: those named, each with a cost of its own where it has one, or all that apply. */
    async many(caller: Caller, input: CheckInput, wanted?: readonly NamedLimit[]): Promise<Verdict> {
      checkObserver(caller, input)
      const own = new Map(wanted?.map((one) => [one.limitId, one]))
      if (own.size < (wanted?.length ?? 0))
        throw unprocessable('rate_limit_repeated', 'a limit stands twice in limits; ask for it once, with the sum of the costs')
      const askWhy = input.peek && input.explain
      const all = wanted
        ? (await Promise.all(wanted.map(({ limitId }) => named(caller, limitId, input.subject, askWhy)))).sort(byPriority)
        : [...(await limits.current()).values()].filter((limit) => isFor(caller, limit))
      return decideBy(all, input, ({ limit, policy }) => {
        const { cost = input.cost, amount = input.amount } = own.get(limit.id) ?? {}
        return costOf(policy, { cost, amount }, wanted !== undefined)
      })
    },

    /** What a verdict says in header fields. */
    told: (verdict: Verdict): ToldFields => toldFields(verdict, random()),

    async usage(caller: Caller, id: string, subject: Subject): Promise<Usage> {
      const one = await theOne(caller, id, subject)
      const [counted] = await limiter.decide([askOf(one)], { take: false })
      if (!counted) throw new Error('the limiter left a question without an answer')
      return { ...answerOf(one, counted), used: usedOf(one.policy, counted.remaining) }
    },

    /** Forgets what a key has taken; answers which. */
    async reset(caller: Caller, id: string, subject: Subject): Promise<string> {
      const one = await theOne(caller, id, subject)
      await limiter.reset(askOf(one))
      return one.key
    },
  }
}

export type CheckService = ReturnType<typeof checkService>
