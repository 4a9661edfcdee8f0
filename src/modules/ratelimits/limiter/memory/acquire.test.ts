import { describe, expect, test } from 'vitest'
import type { Ask, Decision } from '../decision.ts'
import type { Policy } from '../policy.ts'
import { redisLimiter } from '../redis/limiter.ts'
import { memoryLimiter } from './limiter.ts'

const limits: Readonly<Record<string, Policy>> = { api: { algorithm: 'FIXED_WINDOW', limit: 3, windowMs: 60_000 } }
const now = () => 1_700_000_000_000_000
const fresh = () => memoryLimiter({ limits, now, seed: 1 })

/** What whoever has either limiter calls. */
interface Swappable {
  acquire(asks: readonly Ask[]): Promise<Decision>
}
const EITHER: Readonly<Record<string, () => Swappable>> = {
  'in memory': fresh,
  'in Redis': () => redisLimiter({ limits, now, client: { evalsha: async () => 0, eval: async () => 0 } }),
}

/** What a caller in JavaScript may hand over. */
const untyped = (ask: unknown): readonly Ask[] => JSON.parse(JSON.stringify([ask]))

test('to deny is to answer, by the same decisions as at once', async () => {
  const [late, atOnce] = [fresh(), fresh()]
  const told: boolean[] = []
  for (const cost of [2, 2, 1, 1, 4, 0]) {
    const asks = [{ limit: 'api', key: 'k', cost }]
    const decision = await late.acquire(asks)
    expect(decision).toEqual(atOnce.tryAcquireAll(asks))
    told.push(decision.allowed)
  }
  expect(told).toEqual([true, false, true, false, false, true])
})

describe.each(Object.entries(EITHER))('%s', (_, open) => {
  test.each<[string, readonly Ask[]]>([
    ['a limit that does not exist', [{ limit: 'that', key: 'k' }]],
    ['a fraction', [{ limit: 'api', key: 'k', cost: 0.5 }]],
    ['a key that is no text', untyped({ limit: 'api', key: 7 })],
    ['no key', untyped({ limit: 'api' })],
    ['a limit that stands twice', [{ limit: 'api', key: 'a' }].flatMap((ask) => [ask, ask])],
  ])('%s rejects with RangeError, and never throws', async (_mistake, asks) => {
    const answer = open().acquire(asks)
    await expect(answer).rejects.toThrow(RangeError)
  })
})
