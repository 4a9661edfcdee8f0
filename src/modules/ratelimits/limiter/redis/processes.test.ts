import { expect, test } from 'vitest'
import { describeRedis, openRedis, redisUrl } from '../../../../../test/harness/redis.ts'
import { admittedOfTwoThousand, repetitions } from '../../../../../test/harness/three-processes.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { microseconds } from '../sources.ts'

const HOUR = 3_600_000
const window: Policy = { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: HOUR, anchor: 'first_use' }
const cases: readonly (readonly [name: string, policy: Policy, share?: number])[] = [
  ['a fixed window', window],
  ['a sliding window', { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: HOUR }],
  ['a token bucket', { algorithm: 'TOKEN_BUCKET', capacity: 100, refill: { tokens: 1, perMs: HOUR } }],
  ['a leased fixed window', window, 0.1],
]
/** A hundred over all cases in CI. */
const TIMES = repetitions(3, 25)

for (const [name, policy] of cases.slice(0, 3))
  test(`2,000 requests at once in one process take exactly the 100 that ${name} holds, 100 times`, async () => {
    const limiter = memoryLimiter({ limits: { it: policy }, now: microseconds, seed: 1 })
    for (let time = 0; time < 100; time += 1) {
      const asks = Array.from({ length: 2_000 }, async () => limiter.tryAcquire('it', `k${time}`))
      const admitted = (await Promise.all(asks)).filter(({ allowed }) => allowed)
      expect(admitted).toHaveLength(100)
    }
  })

describeRedis('2,000 requests at once from three processes', () => {
  const { prefix } = openRedis()
  for (const [name, policy, share] of cases)
    test(`take exactly the 100 that ${name} holds, ${TIMES} times`, async () => {
      const admitted = await admittedOfTwoThousand({
        urls: [redisUrl],
        prefix: `${prefix}-${name.replaceAll(' ', '-')}`,
        keys: Array.from({ length: TIMES }, (_, n) => `k${n}`),
        policy,
        ...(share !== undefined && { share }),
      })
      expect(admitted).toEqual(Array.from({ length: TIMES }, () => 100))
    }, 180_000)
})
