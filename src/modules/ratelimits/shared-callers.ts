import { counterOf } from './counter.ts'
import type { CountAnswer, CountAsk } from './counting.ts'
import { tenantKey } from './limit-key.ts'
import type { LimitDecision } from './limiter/decision.ts'
import type { Policy } from './limiter/policy.ts'
import type { SharedLimiter } from './shared.ts'

/** One call of the API, and how many its key and its tenant may make in a minute. */
export interface Call {
  readonly keyId: string
  readonly tenantId: string
  readonly keyRate: number
  readonly rate: number
}

export interface CallCounts {
  readonly key: LimitDecision
  readonly tenant: LimitDecision
}

/** Counts a call for its key and its tenant, or for neither. It never rejects. */
export type CountCall = (call: Call) => CallCounts | Promise<CallCounts>

type Kind = keyof CallCounts
/** What all calls of one kind have in common under one number. */
type Terms = Omit<CountAsk, 'key'>

const MINUTE_MS = 60_000
/** The least number of which blocks are taken up front: a fiftieth is two calls. */
const LEAST_LEASED = 100
/** How Redis counts a leased minute. Smaller numbers are counted by it too, so that a plan that grows goes on with its counts. */
const LEASED_MS = 63_400
const MAX_NUMBERS = 10_000
/** A tenant that is given more waits no longer for it. */
const REFUSED_MS = 100
const MAX_REFUSED = 10_000

/**
 * Operators' limits have ids that begin with `rl_`: they never meet these counts. Blocks are of one number, so that no call is served from what
 * was taken under another; the counts are of all numbers.
 */
const termsOf = (kind: Kind, number: number): Terms => {
  const leased = number >= LEAST_LEASED
  const policy: Policy = { algorithm: 'SLIDING_WINDOW', limit: number, windowMs: leased ? MINUTE_MS : LEASED_MS }
  const name = `api_calls.${kind}`
  return {
    limitId: `${name}.${number}`,
    version: 1,
    counter: counterOf(name, policy),
    policy,
    cost: 1,
    onUnavailable: 'local',
    former: [],
    leased,
  }
}

/** There are as many as plans. */
const termsByNumber = (kind: Kind): ((number: number) => Terms) => {
  const known = new Map<number, Terms>()
  return (number) => {
    const before = known.get(number)
    if (before) return before
    if (known.size >= MAX_NUMBERS) known.clear()
    const terms = termsOf(kind, number)
    known.set(number, terms)
    return terms
  }
}

const decisionOf = (limit: Kind, { fits, remaining, resetMs, retryAfterMs, delayMs }: CountAnswer): LimitDecision => ({
  limit,
  allowed: fits,
  remaining,
  resetMs,
  retryAfterMs,
  delayMs,
})

const countsOf = ([key, tenant]: readonly CountAnswer[]): CallCounts => {
  if (!key || !tenant) throw new Error('the counts of calls left a question without an answer')
  return { key: decisionOf('key', key), tenant: decisionOf('tenant', tenant) }
}

/** How long a refusal may be repeated: until a call fits, and not for long, since servers give blocks back. 0: it is none, or was given without the counts. */
const repeatableMs = (answers: readonly CountAnswer[]): number =>
  answers.some(({ degraded }) => degraded)
    ? 0
    : Math.min(REFUSED_MS, Math.max(...answers.map(({ retryAfterMs }) => retryAfterMs)))

/** Refusals that hold for a moment, by key: who is refused over and over asks Redis no more often than that. */
const refusals = (now: () => number) => {
  const known = new Map<string, { readonly counts: CallCounts; readonly rate: number; readonly until: number }>()
  return {
    of({ keyId, rate }: Call): CallCounts | undefined {
      const last = known.get(keyId)
      if (!last) return undefined
      if (last.rate === rate && now() < last.until) return last.counts
      known.delete(keyId)
      return undefined
    },
    keep({ keyId, rate }: Call, counts: CallCounts, forMs: number): void {
      if (known.size >= MAX_REFUSED) known.clear()
      known.set(keyId, { counts, rate, until: now() + 1_000 * forMs })
    },
  }
}

export interface SharedCallersOptions extends Pick<SharedLimiter, 'decide' | 'takeHeld'> {
  /** Whole microseconds. */
  readonly now: () => number
}

/**
 * The calls of keys and tenants, counted over all servers: no trailing minute holds more than a number, and most calls are served from blocks that
 * were taken before. Key and tenant lie with the tenant's other counts, so that they are one trip. Without Redis each server has its share.
 */
export const sharedCallers = ({ decide, takeHeld, now }: SharedCallersOptions): CountCall => {
  const ofKey = termsByNumber('key')
  const ofTenant = termsByNumber('tenant')
  const refused = refusals(now)

  const ask = async (call: Call, asks: readonly CountAsk[]): Promise<CallCounts> => {
    const answers = await decide(asks, { take: true })
    const counts = countsOf(answers)
    const forMs = repeatableMs(answers)
    if (forMs > 0) refused.keep(call, counts, forMs)
    return counts
  }

  return (call) => {
    const last = refused.of(call)
    if (last) return last
    const own = tenantKey(call.tenantId)
    const asks = [
      { ...ofKey(call.keyRate), key: `${own}|key=${call.keyId}` },
      { ...ofTenant(call.rate), key: own },
    ]
    const held = takeHeld(asks)
    return held ? countsOf(held) : ask(call, asks)
  }
}
