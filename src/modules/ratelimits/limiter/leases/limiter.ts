import { compile, PolicyError } from '../compile.ts'
import { type Ask, checkCost, type Decision, type LimitDecision } from '../decision.ts'
import type { Policy } from '../policy.ts'
import type { RedisLimiter } from '../redis/limiter.ts'
import { type Held, type Lease, type LeaseCounts, leaseOf } from './lease.ts'
import { type LeaseRule, leaseRule } from './lease-rule.ts'

export interface LeasedLimiterOptions {
  readonly limits: Readonly<Record<string, Policy>>
  /** By limit, which share of it a server takes at once: 0.001 to 0.1, 0.01 or 0.02 for most. Limits that are not named are not leased. */
  readonly leases: Readonly<Record<string, number>>
  /** What counts in Redis, by the policies that it is given: of some leased limits they are tighter. */
  readonly countedBy: (limits: Readonly<Record<string, Policy>>) => RedisLimiter
  /** This process's clock, whole microseconds. It must run evenly. */
  readonly now: () => number
  /** Of how many keys of one limit blocks are held; a hundred thousand unless told. */
  readonly maxKeys?: number
}

/** A limiter in Redis that serves some of its limits from blocks taken up front. */
export interface LeasedLimiter extends RedisLimiter {
  /**
   * As of `RedisLimiter`, and at once where blocks hold what is asked. Leased limits are asked each for itself, then the others together: what
   * was taken for a request that is refused is put back. `remaining` is what this server knows of.
   */
  acquire(asks: readonly Ask[]): Promise<Decision>
  /** As of `RedisLimiter`. Throws PolicyError for a limit that is leased: what servers hold of it was taken by the number that holds. */
  setPolicy(limit: string, policy: Policy): void
  /** Gives back what is idle. To be called every `sweepEveryMs`. */
  sweep(): void
  readonly sweepEveryMs: number
  /** Gives all blocks back. Requests after it are answered by Redis. */
  close(): Promise<void>
}

const [SHORTEST_SWEEP_MS, LONGEST_SWEEP_MS] = [5, 250]

const sweepEvery = (rules: readonly LeaseRule[]): number => {
  const idleMs = Math.min(...rules.map(({ idleUs }) => idleUs / 1_000))
  return Math.floor(Math.max(SHORTEST_SWEEP_MS, Math.min(idleMs / 2, LONGEST_SWEEP_MS)))
}

/** Of a request that another limit has refused: nothing is asked for, so that nothing is taken, and the wait is until the key is unused. */
const looked = (told: LimitDecision, cost: number, most: number): LimitDecision => {
  const allowed = told.remaining >= cost
  return { ...told, allowed, retryAfterMs: allowed ? 0 : cost > most ? Number.POSITIVE_INFINITY : told.resetMs }
}

const NONE: Decision = { allowed: true, limits: [] }

/** Throws PolicyError for a limit that cannot be leased. */
export const leasedLimiter = ({ limits, leases, countedBy, now, maxKeys = 100_000 }: LeasedLimiterOptions): LeasedLimiter => {
  const rules = new Map(
    Object.entries(leases).map(([name, share]): [string, LeaseRule] => {
      const policy = limits[name]
      if (!policy) throw new PolicyError(`there is no limit '${name}' to lease; there are ${Object.keys(limits).join(', ')}`)
      return [name, leaseRule(policy, share)]
    }),
  )
  const limiter = countedBy(
    Object.fromEntries(Object.entries(limits).map(([name, policy]) => [name, rules.get(name)?.counted ?? policy])),
  )
  const mostOf = new Map(Object.entries(limits).map(([name, policy]) => [name, compile(policy).core.limit]))
  const countsOf = (limit: string): LeaseCounts => ({
    acquire: (key, cost) => limiter.acquire([{ limit, key, cost }]),
    giveBack: (key, amount) => limiter.giveBack(limit, key, amount),
  })
  const leased = new Map(
    [...rules].map(([name, rule]): [string, Lease] => [name, leaseOf({ name, rule, counts: countsOf(name), now, maxKeys })]),
  )

  const decide = (asks: readonly Ask[], holds: ReadonlyMap<string, Held>, others: Decision): Decision => {
    const isHeld = [...holds.values()].every(({ told }) => told.allowed)
    const told = new Map(others.limits.map((one) => [one.limit, one]))
    const isDegraded = others.degraded || [...holds.values()].some(({ degraded }) => degraded)
    // What was answered without Redis says of the limit's failure what it is told to, not how much is left.
    const isLooked = !isHeld && !others.degraded
    const answers = asks.flatMap(({ limit, cost = 1 }): LimitDecision[] => {
      const other = told.get(limit)
      const answer = holds.get(limit)?.told ?? (other && isLooked ? looked(other, cost, mostOf.get(limit) ?? 0) : other)
      return answer ? [answer] : []
    })
    return { allowed: isHeld && others.allowed, limits: answers, ...(isDegraded && { degraded: true }) }
  }

  const putBack = (holds: ReadonlyMap<string, Held>): void => {
    for (const [name, held] of holds) if (held.told.allowed) leased.get(name)?.putBack(held)
  }

  /** Every lease is waited for: what one of them has taken when another fails is put back. */
  const holdAll = async (asks: readonly Ask[]): Promise<ReadonlyMap<string, Held>> => {
    const settled = await Promise.allSettled(
      asks.map(async ({ limit, key, cost = 1 }): Promise<[string, Held][]> => {
        const held = await leased.get(limit)?.hold(key, cost)
        return held ? [[limit, held]] : []
      }),
    )
    const holds = new Map(settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])))
    const failed = settled.find((one) => one.status === 'rejected')
    if (!failed) return holds
    putBack(holds)
    throw failed.reason
  }

  const acquireAll = async (asks: readonly Ask[]): Promise<Decision> => {
    if (new Set(asks.map(({ limit }) => limit)).size < asks.length)
      throw new RangeError('a limit stands twice in one request; ask for its keys one by one')
    for (const { cost = 1 } of asks) checkCost(cost)
    const others = asks.filter(({ limit }) => !leased.has(limit))
    if (others.length === asks.length) return limiter.acquire(asks)
    const holds = await holdAll(asks.filter(({ limit }) => leased.has(limit)))
    const isHeld = [...holds.values()].every(({ told }) => told.allowed)
    try {
      const wanted = isHeld ? others : others.map((ask) => ({ ...ask, cost: 0 }))
      const decision = decide(asks, holds, wanted.length === 0 ? NONE : await limiter.acquire(wanted))
      if (!decision.allowed) putBack(holds)
      return decision
    } catch (error) {
      putBack(holds)
      throw error
    }
  }

  return {
    async acquire(asks) {
      const [ask] = asks
      const lease = asks.length === 1 && ask ? leased.get(ask.limit) : undefined
      if (!lease || !ask) return acquireAll(asks)
      const answer = lease.hold(ask.key, checkCost(ask.cost ?? 1))
      const { told, degraded } = answer instanceof Promise ? await answer : answer
      return degraded ? { allowed: told.allowed, limits: [told], degraded } : { allowed: told.allowed, limits: [told] }
    },
    reserve: limiter.reserve,
    settle: limiter.settle,
    release: limiter.release,
    giveBack: limiter.giveBack,
    async reset(limit, key) {
      leased.get(limit)?.forget(key)
      await limiter.reset(limit, key)
    },
    setPolicy(limit, policy) {
      if (rules.has(limit)) throw new PolicyError(`limit '${limit}' is leased, and keeps its number while blocks of it are held`)
      limiter.setPolicy(limit, policy)
      mostOf.set(limit, compile(policy).core.limit)
    },
    sweep() {
      for (const lease of leased.values()) lease.sweep()
    },
    sweepEveryMs: sweepEvery([...rules.values()]),
    async close() {
      await Promise.all([...leased.values()].map((lease) => lease.close()))
    },
  }
}
