import { expect, test } from 'vitest'
import { silent } from '../../../test/harness/database.ts'
import { farRedis } from '../../../test/harness/far-redis.ts'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import { microseconds } from './limiter/sources.ts'
import { sharedLimiter } from './shared.ts'
import { sharedCallers } from './shared-callers.ts'

const DEADLINE_MS = 250

describeRedis('calls of keys and tenants when Redis is slow or gone', () => {
  const { prefix } = openRedis()
  let stands = 0

  const stand = async () => {
    stands += 1
    const { line, client } = await farRedis()
    const limiter = sharedLimiter({
      client,
      isCluster: false,
      prefix: `${prefix}-${stands}`,
      now: microseconds,
      seed: 1,
      deadlineMs: DEADLINE_MS,
      liveServers: () => 2,
      log: silent,
    })
    const take = sharedCallers({ ...limiter, now: microseconds })
    const passes = async (rate: number): Promise<boolean> => {
      const { key, tenant } = await take({ keyId: 'key_1', tenantId: 'tnt_1', keyRate: rate, rate })
      return key.allowed && tenant.allowed
    }
    /** One after the other. */
    const admitted = async (count: number, rate: number): Promise<number> => {
      let passed = 0
      for (let n = 0; n < count; n += 1) if (await passes(rate)) passed += 1
      return passed
    }
    // The first answer in a process takes its time.
    await client.eval('return 1', 0)
    return { line, limiter, take, passes, admitted }
  }

  test('that falls silent: each call is answered within the deadline, and a server lets its share of the plan through', async () => {
    const { line, limiter, passes } = await stand()
    line.hold()
    let passed = 0
    for (let n = 0; n < 12; n += 1) {
      const began = performance.now()
      if (await passes(10)) passed += 1
      expect(performance.now() - began).toBeLessThan(2 * DEADLINE_MS)
    }
    expect(passed).toBe(5)
    expect(limiter.isReachable()).toBe(false)
    line.letGo()
  })

  test('that is gone: calls are served from the block that is held, then within the share, and refused by an answer', async () => {
    const { line, take, admitted } = await stand()
    expect(await admitted(300, 1_000)).toBe(300)
    await line.cut()
    const passed = await admitted(700, 1_000)
    expect(passed).toBeGreaterThanOrEqual(500)
    expect(passed).toBeLessThanOrEqual(500 + 20)
    expect(await take({ keyId: 'key_1', tenantId: 'tnt_1', keyRate: 1_000, rate: 1_000 })).toMatchObject({
      key: { allowed: false, remaining: 0 },
      tenant: { allowed: false, remaining: 0 },
    })
  })

  test('that is back: the counts of all servers hold again, and a refusal that was given without them is not repeated', async () => {
    const { line, passes, admitted } = await stand()
    expect(await admitted(4, 10)).toBe(4)
    await line.cut()
    expect(await admitted(20, 10)).toBe(5)
    await line.mend()
    await expect.poll(() => passes(10), { timeout: 10_000 }).toBe(true)
    expect(await admitted(20, 10)).toBe(5)
  })
})
