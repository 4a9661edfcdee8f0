import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { describeRedis, openRedis, redisUrl } from '../../../../../test/harness/redis.ts'
import type { Policy } from '../policy.ts'

const WORKER = fileURLToPath(new URL('../../../../../test/harness/acquire-at-once.ts', import.meta.url))
const HOUR = 3_600_000
const POLICIES: Readonly<Record<string, Policy>> = {
  'a fixed window': { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: HOUR, anchor: 'first_use' },
  'a sliding window': { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: HOUR },
  'a token bucket': { algorithm: 'TOKEN_BUCKET', capacity: 100, refill: { tokens: 1, perMs: HOUR } },
}

describeRedis('2,000 requests at once from three processes', () => {
  const { prefix } = openRedis()
  for (const [name, policy] of Object.entries(POLICIES))
    test(`take exactly the 100 that ${name} holds`, async () => {
      const ask = (count: number) =>
        promisify(execFile)(process.execPath, [
          WORKER,
          redisUrl,
          `${prefix}-${policy.algorithm}`,
          String(count),
          JSON.stringify(policy),
        ])
      const outputs = await Promise.all([667, 667, 666].map(ask))
      expect(outputs.map(({ stdout }) => Number(stdout)).reduce((a, b) => a + b)).toBe(100)
    })
})
