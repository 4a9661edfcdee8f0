import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryLimiter } from '../../src/modules/ratelimits/limiter/memory/limiter.ts'
import type { Policy } from '../../src/modules/ratelimits/limiter/policy.ts'
import { microseconds } from '../../src/modules/ratelimits/limiter/sources.ts'
import { seeded } from '../faults/seeded.ts'

export interface ChurnOptions {
  /** The cap. */
  readonly keys: number
  /** Of these, how many are used up before the churn begins. */
  readonly blocked: number
  readonly milliseconds: number
  readonly everyMs: number
  readonly told?: (line: string) => void
}

export interface Held {
  /** Seconds since the beginning. */
  readonly at: number
  readonly heap: number
  /** Typed arrays, which hold the counts. */
  readonly arrays: number
  readonly resident: number
}

export interface Churned {
  /** After the table was full. */
  readonly samples: readonly Held[]
  readonly requests: number
  readonly most: number
  /** What was not as promised, in words. */
  readonly wrong: readonly string[]
}

const BATCH = 10_000
/** Between batches others have their turn. */
const REST_MS = 20
const DAY_MS = 86_400_000
const CAPACITY = 10
/** A key that is used up stays so for hours. */
const policy: Policy = { algorithm: 'TOKEN_BUCKET', capacity: CAPACITY, refill: { tokens: CAPACITY, perMs: DAY_MS } }

const collector = (): (() => void) => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

/** A limiter that is full of keys that are used up: what becomes of a new one. */
const overflowing = (onOverflow: 'refuse' | 'admit'): boolean => {
  const limiter = memoryLimiter({ limits: { it: policy }, maxKeys: 100, onOverflow, now: microseconds, seed: 1 })
  for (let i = 0; i < 100; i += 1) limiter.tryAcquire('it', `full-${i}`, CAPACITY)
  const admitted = Array.from({ length: 3 }, (_, i) => limiter.tryAcquire('it', `new-${i}`).allowed)
  const still = Array.from({ length: 100 }, (_, i) => limiter.tryAcquire('it', `full-${i}`).allowed)
  return admitted.every((allowed) => allowed === (onOverflow === 'admit')) && !still.includes(true) && limiter.sizes().it === 100
}

/** Keys that nobody has used before, again and again, into a table that is full: what it holds, and whether what is refused stays so. */
export const churn = async ({ keys, blocked, milliseconds, everyMs, told = () => {} }: ChurnOptions): Promise<Churned> => {
  const collect = collector()
  const random = seeded(1)
  const limiter = memoryLimiter({ limits: { it: policy }, maxKeys: keys, now: microseconds, seed: 1 })
  const wrong = new Set<string>()
  const samples: Held[] = []
  let [made, requests, most] = [0, 0, 0]

  const fresh = (): void => {
    limiter.tryAcquire('it', `made-up-${made}`)
    // Now and then one that was there before, which may be forgotten by now.
    if (made % 4 === 0) limiter.tryAcquire('it', `made-up-${Math.floor(random() * made)}`)
    made += 1
    requests += 1
  }
  const check = (): void => {
    most = Math.max(most, limiter.sizes().it ?? 0)
    if (most > keys) wrong.add(`${most} keys are held, where ${keys} may be`)
    for (let i = 0; i < blocked; i += 1)
      if (limiter.tryAcquire('it', `blocked-${i}`).allowed) wrong.add('a key that was used up was forgotten')
    if (!overflowing('refuse') || !overflowing('admit')) wrong.add('what overflows was not answered as the limit says')
  }

  for (let i = 0; i < blocked; i += 1) limiter.tryAcquire('it', `blocked-${i}`, CAPACITY)
  while (made < 1.2 * keys) {
    for (let i = 0; i < BATCH; i += 1) fresh()
    await sleep(0)
  }
  const began = performance.now()
  let next = began
  for (let now = began; now < began + milliseconds; now = performance.now()) {
    for (let i = 0; i < BATCH; i += 1) fresh()
    await sleep(REST_MS)
    if (performance.now() < next) continue
    next += everyMs
    check()
    collect()
    await sleep(0)
    collect()
    const { heapUsed: heap, arrayBuffers: arrays, rss: resident } = process.memoryUsage()
    samples.push({ at: (performance.now() - began) / 1_000, heap, arrays, resident })
    const mb = [heap, arrays, resident].map((bytes) => (bytes / 1e6).toFixed(1))
    told(
      `${(now - began).toFixed(0)} ms: ${requests} requests, ${limiter.sizes().it} keys; MB heap, arrays, resident: ${mb.join(', ')}`,
    )
  }
  check()
  return { samples, requests, most, wrong: [...wrong] }
}
