import { MemoryStore, rateLimit } from 'express-rate-limit'
import { RateLimiter } from 'limiter'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { createLimiter } from '../src/modules/ratelimits/limiter/index.ts'
import { type PlainClaim, seconds, takeTurns } from './claim.ts'
import { KEYS, requests } from './limit-keys.ts'

const HOUR_MS = 3_600_000
/** Never reached: every peer's quicker answer. */
const WIDE = 1_000_000_000

/** Asks once for each key and returns how many were refused. Each loops by itself, so that nobody's types are in another's way. */
type Pass = (keys: readonly string[]) => number | Promise<number>

const ours = (limit: number): Pass => {
  const limiter = createLimiter({
    limits: { api: { algorithm: 'TOKEN_BUCKET', capacity: limit, refill: { tokens: limit, perMs: HOUR_MS } } },
  })
  return (keys) => {
    let refused = 0
    for (const key of keys) if (!limiter.tryAcquire('api', key).allowed) refused += 1
    return refused
  }
}

/** GCRA and nothing else: no window, no cost, no answer but yes or no, no end of a key. */
const bareMap = (limit: number): Pass => {
  const arrivals = new Map<string, number>()
  const interval = HOUR_MS / limit
  const isAdmitted = (key: string): boolean => {
    const now = Date.now()
    const next = Math.max(arrivals.get(key) ?? 0, now) + interval
    if (next - now > HOUR_MS) return false
    arrivals.set(key, next)
    return true
  }
  return (keys) => {
    let refused = 0
    for (const key of keys) if (!isAdmitted(key)) refused += 1
    return refused
  }
}

const flexible = (limit: number): Pass => {
  const limiter = new RateLimiterMemory({ points: limit, duration: HOUR_MS / 1_000, keyPrefix: '' })
  return async (keys) => {
    let refused = 0
    for (const key of keys) {
      try {
        await limiter.consume(key)
      } catch {
        refused += 1
      }
    }
    return refused
  }
}

/** It knows no keys: one of it for each, in a Map. */
const limiterPackage = (limit: number): Pass => {
  const limiters = new Map<string, RateLimiter>()
  const limiterOf = (key: string): RateLimiter => {
    const known = limiters.get(key)
    if (known) return known
    const made = new RateLimiter({ tokensPerInterval: limit, interval: HOUR_MS })
    limiters.set(key, made)
    return made
  }
  return (keys) => {
    let refused = 0
    for (const key of keys) if (!limiterOf(key).tryRemoveTokens(1)) refused += 1
    return refused
  }
}

/** The store alone; what it serves is in `limit-http`. */
const expressStore = (limit: number): Pass => {
  const store = new MemoryStore()
  rateLimit({ windowMs: HOUR_MS, store, validate: false })
  return async (keys) => {
    let refused = 0
    for (const key of keys) if ((await store.increment(key)).totalHits > limit) refused += 1
    return refused
  }
}

const CONTESTANTS = [
  ['ours', ours],
  ['rate-limiter-flexible', flexible],
  ['bare Map with GCRA', bareMap],
  ['limiter', limiterPackage],
  ['express-rate-limit', expressStore],
] as const

const millions = (perSecond: number): string => `${(perSecond / 1_000_000).toFixed(2)} M/s`

/** Checks a second on 100,000 keys by Zipf, against rate-limiter-flexible and a bare Map with GCRA. */
export const limitMemory: PlainClaim = {
  name: 'limit-memory',
  unit: 'checks/s',
  goal: 5,
  async measure({ short }) {
    const count = short ? 200_000 : 500_000
    const rounds = short ? 3 : 9
    const { all, fresh } = requests(count)

    const race = async (limit: number) => {
      const refusals = CONTESTANTS.map(() => 0)
      const passes = CONTESTANTS.map(([, make]) => make(limit))
      // Every key is there before the clock runs.
      for (const pass of passes) await pass(all())
      const figures = await takeTurns(
        rounds,
        passes.map((pass, who) => async () => {
          const keys = fresh()
          const spent = await seconds(async () => {
            refusals[who] = await pass(keys)
          })
          return count / spent
        }),
      )
      const [least, most] = [Math.min(...refusals), Math.max(...refusals)]
      if (most - least > count / 50) throw new Error(`they refuse unlike numbers of the same requests: ${refusals.join(', ')}`)
      return { figures, share: most / count }
    }

    const limited = await race(100)
    const wide = await race(WIDE)
    const [own = 0, reference = 0, map = 0] = limited.figures
    const told = ({ figures }: { readonly figures: readonly number[] }): string =>
      CONTESTANTS.map(([name], i) => `${name} ${millions(figures[i] ?? 0)}`).join(', ')
    return {
      ours: own,
      reference,
      also: [{ what: 'against the bare Map with GCRA', ratio: own / map, goal: 1 }],
      notes: [
        `${KEYS.toLocaleString('en')} keys by Zipf, ${rounds} rounds of ${count.toLocaleString('en')} by turns, medians; each key a fresh string`,
        `100 an hour, ${Math.round(limited.share * 100)} % refused in the last round: ${told(limited)}`,
        `none refused: ${told(wide)}`,
      ],
    }
  },
}
