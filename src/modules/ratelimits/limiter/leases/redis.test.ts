import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import { createLeasedLimiter, type LeasedLimiter, type Policy, PolicyError } from '../index.ts'

const HOUR = 3_600_000
const SHARE = 0.05
const policies: Readonly<Record<string, Policy>> = {
  'a fixed window': { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: HOUR, anchor: 'first_use' },
  'a sliding window': { algorithm: 'SLIDING_WINDOW', limit: 1_000, windowMs: HOUR },
}

describeRedis('leases in Redis', () => {
  const { redis, prefix } = openRedis()
  const server = (name: string, policy: Policy): LeasedLimiter =>
    createLeasedLimiter({
      client: redis,
      prefix: `${prefix}-${name.replaceAll(' ', '-')}`,
      limits: { it: policy },
      leases: { it: SHARE },
      deadlineMs: 10_000,
    })
  const admittedOf = async (limiter: LeasedLimiter, requests: number): Promise<number> => {
    let admitted = 0
    for (let n = 0; n < requests; n += 1) {
      const { allowed, degraded } = await limiter.acquire([{ limit: 'it', key: 'k' }])
      if (allowed && !degraded) admitted += 1
    }
    return admitted
  }

  for (const [name, policy] of Object.entries(policies)) {
    test(`of ${name}: a server that dies strands no more than its block`, async () => {
      const [dies, lives] = [server(`${name}-dies`, policy), server(`${name}-dies`, policy)]
      expect(await admittedOf(dies, 100)).toBe(100)
      const others = await admittedOf(lives, 1_000)
      expect(others).toBeLessThanOrEqual(900)
      expect(others).toBeGreaterThanOrEqual(900 - 1_000 * SHARE)
      await lives.close()
    })

    test(`of ${name}: what a server gives back when it closes is others' to the last token`, async () => {
      const [closes, stays] = [server(`${name}-closes`, policy), server(`${name}-closes`, policy)]
      expect(await admittedOf(closes, 100)).toBe(100)
      await closes.close()
      expect(await admittedOf(stays, 1_000)).toBe(900)
      await stays.close()
    })
  }

  test('what cannot be leased is refused when the limiter is made', () => {
    expect(() => server('money', { algorithm: 'COST_BASED', limit: '5', windowMs: HOUR })).toThrow(PolicyError)
  })
})
