import { setImmediate as turn } from 'node:timers/promises'
import { MemoryStore, rateLimit } from 'express-rate-limit'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { createLimiter } from '../src/modules/ratelimits/limiter/index.ts'
import { requests } from './limit-keys.ts'

/** In a process of its own with --expose-gc: what one limiter holds a key beside the key itself, told to the parent in bytes. */
const HOUR_MS = 3_600_000
/** Code that is compiled on the way is no memory of a key. */
const WARM_UP = 1_000

type Ask = (key: string) => unknown

const LIMITERS: Readonly<Record<string, () => Ask>> = {
  ours() {
    const limiter = createLimiter({
      limits: { api: { algorithm: 'TOKEN_BUCKET', capacity: 100, refill: { tokens: 100, perMs: HOUR_MS } } },
    })
    return (key) => limiter.tryAcquire('api', key)
  },
  'rate-limiter-flexible'() {
    const limiter = new RateLimiterMemory({ points: 100, duration: HOUR_MS / 1_000, keyPrefix: '' })
    return (key) => limiter.consume(key)
  },
  'express-rate-limit'() {
    const store = new MemoryStore()
    rateLimit({ windowMs: HOUR_MS, store, validate: false })
    return (key) => store.increment(key)
  },
  'bare Map with GCRA'() {
    const arrivals = new Map<string, number>()
    return (key) => arrivals.set(key, Date.now() + 0.5)
  },
}

const held = async (): Promise<number> => {
  // Promises are gone after a turn, and what they held after a second collection.
  await turn()
  globalThis.gc?.()
  await turn()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const [, , who = '', count = ''] = process.argv
const make = LIMITERS[who]
const size = Number(count)
if (!make || !globalThis.gc || !(size > 0))
  throw new Error(`usage: node --expose-gc measure-bytes.ts ${Object.keys(LIMITERS).join('|')} keys`)
const keys = requests(0, size).all()
const warm = make()
for (const key of keys.slice(0, WARM_UP)) await warm(key)
const ask = make()
const before = await held()
for (const key of keys) await ask(key)
const after = await held()
process.send?.((after - before) / size)
// Both stay until both have been weighed.
await Promise.all([warm, ask].map((one) => one(keys[0] ?? '')))
process.exit()
