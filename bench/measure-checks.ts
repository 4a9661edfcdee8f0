import { MemoryStore, rateLimit } from 'express-rate-limit'
import { RateLimiter } from 'limiter'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { createLimiter } from '../src/modules/ratelimits/limiter/index.ts'
import { requests } from './limit-keys.ts'

/** In a process of its own with --expose-gc: one limiter under load. Every message is a round, and is answered with how fast it went. */
const HOUR_MS = 3_600_000

/** Asks once for each key and returns how many were refused. Each loops by itself, so that nobody's types are in another's way. */
type Pass = (keys: readonly string[]) => number | Promise<number>

const LIMITERS: Readonly<Record<string, (limit: number) => Pass>> = {
  ours(limit) {
    const limiter = createLimiter({
      limits: { api: { algorithm: 'TOKEN_BUCKET', capacity: limit, refill: { tokens: limit, perMs: HOUR_MS } } },
    })
    return (keys) => {
      let refused = 0
      for (const key of keys) if (!limiter.tryAcquire('api', key).allowed) refused += 1
      return refused
    }
  },

  'rate-limiter-flexible'(limit) {
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
  },

  /** GCRA and nothing else: no window, no cost, no answer but yes or no, no end of a key. */
  'bare Map with GCRA'(limit) {
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
  },

  /** It knows no keys: one of it for each, in a Map. */
  limiter(limit) {
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
  },

  /** The store alone; what it serves is in `limit-http`. */
  'express-rate-limit'(limit) {
    const store = new MemoryStore()
    rateLimit({ windowMs: HOUR_MS, store, validate: false })
    return async (keys) => {
      let refused = 0
      for (const key of keys) if ((await store.increment(key)).totalHits > limit) refused += 1
      return refused
    }
  },
}

const [who = '', limit, count, strings] = process.argv.slice(2)
const make = LIMITERS[who]
if (!make || !globalThis.gc) throw new Error(`usage: node --expose-gc measure-checks.ts ${Object.keys(LIMITERS).join('|')} …`)
const { gc } = globalThis
const { all, fresh, known } = requests(Number(count))
const pass = make(Number(limit))
const keys = all()
// Every key is there before the clock runs.
await pass(keys)

/** The processor time is that of all threads: what a limiter leaves to the collector is its own. */
const round = async (): Promise<{ perSecond: number; refused: number }> => {
  const asked = strings === 'known' ? known(keys) : fresh()
  // The requests' own strings are nobody's garbage.
  gc()
  const before = process.cpuUsage()
  const refused = await pass(asked)
  const { user, system } = process.cpuUsage(before)
  return { perSecond: asked.length / ((user + system) / 1_000_000), refused }
}
process.on('message', async () => process.send?.(await round()))
process.once('disconnect', () => process.exit())
process.send?.('ready')
