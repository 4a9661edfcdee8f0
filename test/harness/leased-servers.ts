import type { Ask, Decision } from '../../src/modules/ratelimits/limiter/decision.ts'
import { type LeasedLimiter, leasedLimiter } from '../../src/modules/ratelimits/limiter/leases/limiter.ts'
import { memoryLimiter } from '../../src/modules/ratelimits/limiter/memory/limiter.ts'
import type { Policy } from '../../src/modules/ratelimits/limiter/policy.ts'

const START = 19_675 * 86_400_000_000
export const SECOND = 1_000_000
export const limits = {
  all: { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: 60_000 },
  user: { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: 60_000 },
} as const satisfies Record<string, Policy>
/** Of `all`, in one block. */
export const MOST = 20

/** Servers over one store that answers at once, unless it is away: then the limits of `open` let all pass, the others nobody. */
export const leasedServers = (policies: Readonly<Record<string, Policy>> = limits, open: readonly string[] = []) => {
  let [time, isAway] = [START, false]
  let isLate = (): boolean => false
  const delays: { acquire?: Promise<void>; giveBack?: Promise<void> } = {}
  const now = () => time
  const asked: (readonly Ask[])[] = []
  let store: ReturnType<typeof memoryLimiter> | undefined
  const refuse = () => Promise.reject(new Error('not of this test'))
  const away = (asks: readonly Ask[]): Decision => {
    const told = asks.map(({ limit }) => {
      const allowed = open.includes(limit)
      return { limit, allowed, remaining: 0, resetMs: 0, retryAfterMs: allowed ? 0 : 1_000, delayMs: 0 }
    })
    return { allowed: told.every(({ allowed }) => allowed), limits: told, degraded: true }
  }
  const server = (): LeasedLimiter =>
    leasedLimiter({
      limits: policies,
      leases: { all: 0.02 },
      countedBy: (counted) => {
        const shared = store ?? memoryLimiter({ limits: counted, now, seed: 1 })
        store = shared
        return {
          async acquire(asks) {
            asked.push(asks)
            if (delays.acquire) await delays.acquire
            if (isAway) return away(asks)
            const decision = shared.tryAcquireAll(asks)
            return asks.some(({ cost = 1 }) => cost > 1) && isLate() ? away(asks) : decision
          },
          async giveBack(limit, key, amount) {
            if (delays.giveBack) await delays.giveBack
            if (isAway) throw new Error('away')
            shared.giveBack(limit, key, amount)
            if (isLate()) throw new Error('late')
          },
          async reset(limit, key) {
            shared.reset(limit, key)
          },
          reserve: refuse,
          settle: refuse,
          release: refuse,
          setPolicy: shared.setPolicy,
        }
      },
      now,
    })
  const remaining = (): number => store?.tryAcquire('all', 'k', 0).remaining ?? 0
  const pass = (us: number): void => {
    time += us
  }
  const setAway = (is: boolean): void => {
    isAway = is
  }
  /** Whether Redis executes the next block or give-back, and answers when nobody waits any more. */
  const setLate = (next: () => boolean): void => {
    isLate = next
  }
  /** What is sent from now on is executed when `until` is over. */
  const delay = (what: keyof typeof delays, until: Promise<void>): void => {
    delays[what] = until
  }
  return { server, asked, remaining, pass, setAway, setLate, delay }
}

export const one = (limiter: LeasedLimiter, cost = 1) => limiter.acquire([{ limit: 'all', key: 'k', cost }])
export const both = (limiter: LeasedLimiter, cost = 1) =>
  limiter.acquire([
    { limit: 'user', key: 'u', cost },
    { limit: 'all', key: 'k', cost },
  ])

/** As many as make the key known as hot: a full block is held after them. */
export const warm = async (limiter: LeasedLimiter): Promise<number> => {
  for (let n = 0; n < 16; n += 1) await one(limiter)
  return 16
}
