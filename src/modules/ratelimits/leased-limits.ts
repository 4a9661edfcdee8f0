import { counterLike } from './counter.ts'
import type { CountAnswer, CountAsk } from './counting.ts'
import type { Decision } from './limiter/decision.ts'
import { type Lease, leaseOf } from './limiter/leases/lease.ts'
import { type LeaseRule, leaseRule } from './limiter/leases/lease-rule.ts'
import type { Policy } from './limiter/policy.ts'

/** Of a limit's number, what a server takes of a key at once. The same on all servers: of sliding windows and buckets Redis counts by it. */
const SHARE = 0.02
/** Of how many keys of one limit blocks are held; further ones are asked for request by request. */
const MAX_KEYS = 10_000

const rules = new WeakMap<Policy, LeaseRule>()

/** How a policy is leased. Throws PolicyError where it cannot be. */
export const leaseRuleOf = (policy: Policy): LeaseRule => {
  const known = rules.get(policy)
  if (known) return known
  const rule = leaseRule(policy, SHARE)
  rules.set(policy, rule)
  return rule
}

type Counted = Omit<CountAsk, 'cost' | 'onUnavailable'>

/** A leased limit Redis counts by a policy that allows for blocks which are served late. */
const inRedis = ({ policy, leased, counter }: Pick<CountAsk, 'policy' | 'leased' | 'counter'>) => {
  if (!leased) return { policy, counter }
  const { counted } = leaseRuleOf(policy)
  return { policy: counted, counter: counterLike(counter, counted) }
}

/** What Redis is asked in an ask's place. */
export const asCounted = <T extends Counted>(ask: T): T => {
  const { leased, former } = ask
  if (!leased && former.length === 0) return ask
  const going = former.filter(({ goes }) => goes !== 'alone')
  return { ...ask, ...inRedis(ask), former: going.map((one) => ({ ...one, ...inRedis(one) })) }
}

export interface LeasedLimitsOptions {
  /** Whole microseconds, evenly. */
  readonly now: () => number
  /** Takes of one limit in Redis; undefined: it did not answer. */
  readonly take: (ask: CountAsk) => Promise<CountAnswer | undefined>
  /** Rejects where nobody knows whether Redis did. */
  readonly giveBack: (ask: CountAsk) => Promise<void>
}

/** The blocks that this server holds: of each leased limit for the version that holds. */
export interface LeasedLimits {
  /** What an ask is served from. undefined: the limit is not leased, or the ask is of an earlier version. */
  of(ask: CountAsk): Lease | undefined
  /** What this server holds of a key. */
  heldOf(ask: CountAsk): number
  forget(ask: Counted): void
  /** Gives back what is idle; to be called a few times a second. */
  sweep(): void
  /** Gives everything back; afterwards nothing is leased. */
  close(): Promise<void>
}

const decisionOf = (limit: string, { fits, degraded: _, ...rest }: CountAnswer): Decision => ({
  allowed: fits,
  limits: [{ limit, allowed: fits, ...rest }],
})

/** What is left to the limits' `on_unavailable`: nothing of it was taken here. */
const UNHEARD: Decision = { allowed: true, limits: [], degraded: true }

export const leasedLimits = ({ now, take, giveBack }: LeasedLimitsOptions): LeasedLimits => {
  const limits = new Map<string, { readonly version: number; readonly lease: Lease }>()
  const ending = new Set<Promise<void>>()
  let isClosed = false

  const leaseFor = (ask: CountAsk): Lease =>
    leaseOf({
      name: ask.limitId,
      rule: leaseRuleOf(ask.policy),
      now,
      maxKeys: MAX_KEYS,
      counts: {
        async acquire(key, cost) {
          const answer = await take({ ...ask, key, cost })
          return answer ? decisionOf(ask.limitId, answer) : UNHEARD
        },
        giveBack: (key, amount) => giveBack({ ...ask, key, cost: amount }),
      },
    })

  /** Blocks of a version that holds no more are not served: they may be more than the limit now allows. */
  const end = (limitId: string, lease: Lease): void => {
    limits.delete(limitId)
    const ended = lease.close().finally(() => ending.delete(ended))
    ending.add(ended)
  }

  const of = (ask: CountAsk): Lease | undefined => {
    const { limitId, version } = ask
    const known = limits.get(limitId)
    if (known?.version === version) return known.lease
    if (known && known.version > version) return undefined
    if (known) end(limitId, known.lease)
    if (!ask.leased || isClosed) return undefined
    const lease = leaseFor(ask)
    limits.set(limitId, { version, lease })
    return lease
  }

  return {
    of,
    heldOf: (ask) => of(ask)?.heldOf(ask.key) ?? 0,
    forget: ({ limitId, key }) => limits.get(limitId)?.lease.forget(key),
    sweep() {
      for (const [limitId, { lease }] of limits) {
        lease.sweep()
        if (lease.isIdle()) limits.delete(limitId)
      }
    },
    async close() {
      isClosed = true
      for (const [limitId, { lease }] of limits) end(limitId, lease)
      await Promise.all(ending)
    },
  }
}
