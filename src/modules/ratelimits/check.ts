import type { Caller } from '../../platform/auth/caller.ts'
import { unprocessable } from '../../platform/errors.ts'
import type { Tier } from '../catalog/index.ts'
import type { AdjustmentService } from './adjustment-service.ts'
import { type Applicable, byPriority, followsLoad, meet, type Situation } from './applicable.ts'
import { askerOf } from './asker.ts'
import { type CheckInput, checkAddress, checkDistinct, checkObserver, checkPast, type NamedLimit } from './check-input.ts'
import { usedOf } from './cost.ts'
import { counterOf } from './counter.ts'
import type { CountAnswer, CountAsk, Former, Limiter } from './counting.ts'
import { explain } from './explanation.ts'
import type { CountedLimit, RateLimit, Subject } from './limit.ts'
import type { LimitCache } from './limit-cache.ts'
import { isPerTenant, missingOf } from './limit-key.ts'
import type { ExplainPast } from './load-past.ts'
import type { PlanCache } from './plan-cache.ts'
import { type LimitCost, type PricingDeps, pricing } from './price-request.ts'
import { unknownLimit } from './service.ts'
import { formerOf, needsTierOf } from './succession.ts'
import { type ToldFields, toldFields } from './told-fields.ts'
import { type Answer, answerOf, type Verdict, verdictOf } from './verdict.ts'

export interface CheckDeps extends PricingDeps {
  readonly limits: LimitCache
  readonly limiter: Limiter
  readonly tiers: PlanCache<Tier | undefined>
  /** A check that knows its limits takes no longer. */
  readonly deadlineMs: number
  readonly explainPast: ExplainPast
  /** Hears of every request that was refused, or would have been by a limit in shadow mode. */
  readonly violated: (answer: Answer, subject: Subject) => void
  /** Hears what happens to the requests of limits that follow the load. */
  readonly load: Pick<AdjustmentService, 'asked' | 'ended'>
  /** From 0 to below 1. */
  readonly random: () => number
}

/** How one key stands. */
export interface Usage extends Answer {
  /** null: of more money than a number holds exactly, nobody counts what is left. */
  readonly used: number | string | null
}

/** Of the deadline; a check that has used no more need not watch it. */
const SLACK_MS = 2

/** The priority from which nothing is reserved. */
const WHOLE = Number.POSITIVE_INFINITY

/** One limit that is to be passed, and at what cost. */
interface Asked extends Applicable, LimitCost {
  readonly followsLoad: boolean
  readonly former: readonly Former[]
}

const askOf = ({ limit, policy, key, cost, former }: Asked): CountAsk => ({
  limitId: limit.id,
  version: limit.current.version,
  counter: counterOf(limit.id, policy),
  policy,
  key,
  cost,
  onUnavailable: limit.current.onUnavailable,
  former,
  leased: limit.current.leased,
})

/** Looks, what never fits and what was answered without the counts say nothing of how tight a limit is. */
const isLoad = ({ cost }: Asked, { retryAfterMs, degraded }: CountAnswer): boolean =>
  cost > 0 && retryAfterMs < Number.POSITIVE_INFINITY && !degraded

/** Decides by the limits that are in force. A tenant's key meets those alone that count each tenant apart: what it takes, it takes from itself. */
export const checkService = ({
  clock,
  priceUse,
  limits,
  limiter,
  tiers,
  deadlineMs,
  explainPast,
  violated,
  load,
  random,
}: CheckDeps) => {
  const costsOf = pricing({ clock, priceUse })
  /** For limits, tier and prices, each of which is known but when it was not asked for in a while: at least a quarter is left to count in. */
  const waitMs = deadlineMs / 4

  const isFor = (caller: Caller, limit: RateLimit): boolean => caller.kind === 'operator' || isPerTenant(limit.current)

  /** `askWhy`: nothing is to be let through by the answer, so that it may also tell why a limit is not asked. */
  const named = async (caller: Caller, id: string, subject: Subject, askWhy = false): Promise<CountedLimit> => {
    const limit = (await limits.find(id, waitMs)) ?? (askWhy ? await limits.findArchived(id) : undefined)
    if (!limit || !isFor(caller, limit)) throw unknownLimit(id)
    const missing = missingOf(limit.current, subject)
    if (missing.length > 0 && !askWhy)
      throw unprocessable('subject_incomplete', `rate limit ${id} counts by ${missing.join(', ')}; send a valid one`, { missing })
    return limit
  }

  const situationOf = async (all: readonly CountedLimit[], subject: Subject, priority = 0): Promise<Situation> => {
    const { tenantId } = subject
    const asksTier = tenantId !== undefined && all.some(needsTierOf)
    const tier = asksTier ? await tiers.of(tenantId, waitMs) : undefined
    return { subject, tier, priority, atMs: clock.now().epochMilliseconds }
  }

  const theOne = async (caller: Caller, id: string, subject: Subject): Promise<Asked> => {
    const limit = await named(caller, id, subject)
    const situation = await situationOf([limit], subject, WHOLE)
    const one = meet(limit, situation)
    if (!one) throw unprocessable('rate_limit_not_applicable', `rate limit ${id} is not about this subject, or does not limit it`)
    return { ...one, cost: 0, followsLoad: false, former: formerOf(limit, situation, one) }
  }

  /** What a check that began then has left of its deadline; undefined: all of it. */
  const leftOf = (began: number): number | undefined => {
    const spent = performance.now() - began
    return spent < SLACK_MS ? undefined : Math.max(1, deadlineMs - spent)
  }

  /** A shadow takes only from itself, and only where the limits that enforce let the request pass. */
  const decide = async (
    asked: readonly Asked[],
    subject: Subject,
    { peek, dryRun }: CheckInput,
    began: number,
  ): Promise<Verdict> => {
    const take = !peek && !dryRun
    const enforced = asked.filter(({ limit }) => limit.current.mode === 'enforce')
    const counted = await limiter.decide(enforced.map(askOf), { take, withinMs: leftOf(began) })
    const passes = counted.every(({ fits }) => fits)
    const shadows = asked.filter(({ limit }) => limit.current.mode === 'shadow')
    const withinMs = leftOf(began)
    const shadowed = await Promise.all(shadows.map((one) => limiter.decide([askOf(one)], { take: take && passes, withinMs })))
    const counts = { enforce: counted.values(), shadow: shadowed.flat().values() }
    const answers = asked.flatMap((one) => {
      const { value } = counts[one.limit.current.mode].next()
      if (!value) return []
      if (take && one.followsLoad && isLoad(one, value))
        load.asked(one.limit.id, askerOf(one.limit, subject, one.key), !value.fits)
      return [answerOf(one, value)]
    })
    if (take)
      for (const answer of answers) if (answer.wouldRefuse && (passes || answer.mode === 'enforce')) violated(answer, subject)
    return verdictOf(answers)
  }

  /** All of them, in the order given, at what each costs. */
  const decideBy = async (
    all: readonly CountedLimit[],
    input: CheckInput,
    costFor: (one: Applicable) => LimitCost,
    began: number,
  ): Promise<Verdict> => {
    checkAddress(input)
    const { subject, priority, explain: askWhy, observed } = input
    const situation = await situationOf(all, subject, priority)
    const asked = all.flatMap((limit) => {
      const one = meet(limit, situation)
      if (!one) return []
      const former = formerOf(limit, situation, one)
      return [{ ...one, ...costFor(one), followsLoad: followsLoad(limit, situation), former }]
    })
    if (observed) for (const one of asked) if (one.followsLoad) load.ended(one.limit.id, observed)
    const verdict = await decide(asked, subject, input, began)
    if (!askWhy) return verdict
    return { ...verdict, explanation: { tier: situation.tier ?? null, limits: all.map((limit) => explain(limit, situation)) } }
  }

  const explained = async (
    caller: Caller,
    at: Temporal.Instant,
    input: CheckInput,
    ids?: readonly string[],
  ): Promise<Verdict> => {
    checkPast(input)
    const { subject, priority } = input
    const isTheirs = (limit: RateLimit): boolean => isFor(caller, limit)
    return { ...verdictOf([]), explanation: await explainPast({ at, subject, priority, limitIds: ids, isTheirs }) }
  }

  return {
    /** One limit by its id; it answers nothing where it is not about what is asked for, or does not limit who asks. */
    async one(caller: Caller, id: string, input: CheckInput): Promise<Verdict> {
      checkObserver(caller, input)
      if (input.at) return explained(caller, input.at, input, [id])
      const began = performance.now()
      const limit = await named(caller, id, input.subject, input.peek && input.explain)
      return decideBy([limit], input, await costsOf(input, [{ limitId: id }]), began)
    },

    /** Many limits, all or nothing: those named, each with a cost of its own where it has one, or all that apply. */
    async many(caller: Caller, input: CheckInput, wanted?: readonly NamedLimit[]): Promise<Verdict> {
      checkObserver(caller, input)
      if (wanted) checkDistinct(wanted)
      if (input.at)
        return explained(
          caller,
          input.at,
          input,
          wanted?.map(({ limitId }) => limitId),
        )
      const began = performance.now()
      const askWhy = input.peek && input.explain
      const all = wanted
        ? (await Promise.all(wanted.map(({ limitId }) => named(caller, limitId, input.subject, askWhy)))).sort(byPriority)
        : [...(await limits.current(waitMs)).values()].filter((limit) => isFor(caller, limit))
      return decideBy(all, input, await costsOf(input, wanted), began)
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
