import type { Decision } from '../decision.ts'
import type { Policy } from '../policy.ts'
import { limitParameters, list, policyItem, quoted } from './fields.ts'
import { retryAfterSeconds } from './jittered-wait.ts'
import type { RateLimitOptions } from './options.ts'
import { kindOf, refusalProblem } from './problem.ts'
import { quotaPolicy } from './quota-policy.ts'
import { shapedWait } from './shaped-wait.ts'

export type Fields = readonly (readonly [name: string, value: string])[]

export interface Refusal {
  readonly status: 429 | 503
  /** What is set beside the lists. */
  readonly fields: Fields
  /** JSON of the problem; its type is among the fields. */
  readonly body: string
}

/** What a decision means for its response. */
export interface Answer {
  /** The items of RateLimit-Policy and of RateLimit, to be added to what a limiter in front of this one said; both empty: nothing is told. */
  readonly policies: string
  readonly left: string
  readonly refusal: Refusal | undefined
  /** Of a shaper: the request waits so long before it goes on. */
  readonly delayMs: number
}

/** Of a request that no limit concerns. */
const PASSED: Answer = { policies: '', left: '', refusal: undefined, delayMs: 0 }
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** A list with what stands in it already. */
export const joined = (before: unknown, items: string): string =>
  typeof before === 'string' && before !== '' ? list([before, items]) : items

interface Items {
  readonly policy: string
  readonly name: string
}

/** What clients are told of a limit, by its policy; without items: nothing. */
interface Told {
  readonly of: Policy
  readonly items?: Items
}

const toldBy = (name: string, policy: Policy): Told => {
  const quota = quotaPolicy(name, policy)
  return quota ? { of: policy, items: { policy: policyItem(quota), name: quoted(name) } } : { of: policy }
}

/** Decides over requests, and says what their responses carry. Throws RangeError where a limit cannot be told of in a field. */
export const answering = <Request>(options: RateLimitOptions<Request>) => {
  const { limiter, limits, asks, random, kind = kindOf, sleep = shapedWait } = options
  // What does not change from request to request is written once a policy.
  const told = new Map(Object.entries(limits).map(([name, policy]) => [name, toldBy(name, policy)]))

  const itemsOf = (name: string): Items | undefined => {
    const known = told.get(name)
    if (known && known.of === limits[name]) return known.items
    // A limit that is not told may have a name that every object has a value for.
    const policy = Object.hasOwn(limits, name) ? limits[name] : undefined
    if (!policy) return known?.items
    const next = toldBy(name, policy)
    told.set(name, next)
    return next.items
  }

  const refusalOf = (request: Request, decision: Decision): Refusal => {
    const seconds = retryAfterSeconds(decision, random())
    const problem = refusalProblem(decision, seconds, kind(decision, request))
    const retry: Fields = seconds === undefined ? [] : [['retry-after', String(seconds)]]
    return { status: problem.status, fields: [...retry, ['content-type', PROBLEM_TYPE]], body: JSON.stringify(problem) }
  }

  const answerOf = (request: Request, decision: Decision): Answer => {
    let policies = ''
    let left = ''
    let longestMs = 0
    for (const one of decision.limits) {
      longestMs = Math.max(longestMs, one.delayMs)
      const items = itemsOf(one.limit)
      if (items === undefined) continue
      policies = joined(policies, items.policy)
      left = joined(left, items.name + limitParameters(one))
    }
    if (decision.allowed) return { policies, left, refusal: undefined, delayMs: longestMs }
    return { policies, left, refusal: refusalOf(request, decision), delayMs: 0 }
  }

  return {
    sleep,
    /** At once where the limiter answers at once. Throws, or rejects, for a mistake and never in order to refuse. */
    decide(request: Request): Answer | Promise<Answer> {
      const asked = asks(request)
      if (asked.length === 0) return PASSED
      const decision = 'tryAcquireAll' in limiter ? limiter.tryAcquireAll(asked) : limiter.acquire(asked)
      return decision instanceof Promise ? decision.then((late) => answerOf(request, late)) : answerOf(request, decision)
    },
  }
}
