import fc from 'fast-check'
import { expect, test } from 'vitest'
import { silent } from '../../../test/harness/database.ts'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import type { RedisClient } from './limiter/redis/client.ts'
import { sharedLimiter } from './shared.ts'
import { type Call, type CountCall, sharedCallers } from './shared-callers.ts'

/** The start of a day, in microseconds. */
const START = 19_675 * 86_400_000_000
const MINUTE_MS = 60_000

const call = (rate: number, more: Partial<Call> = {}): Call => ({
  keyId: 'key_1',
  tenantId: 'tnt_1',
  keyRate: rate,
  rate,
  ...more,
})

describeRedis('calls of keys and tenants over two servers', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  /** Two servers over one Redis, at a time that is told; `rows` are those that it was asked about. */
  const stand = () => {
    stands += 1
    let time = START
    const now = () => time
    const rows: string[] = []
    const client: RedisClient = {
      evalsha: (sha, count, ...args) => {
        rows.push(...args.slice(0, count))
        return redis.evalsha(sha, count, ...args)
      },
      eval: (script, count, ...args) => redis.eval(script, count, ...args),
    }
    const own = { isCluster: false, prefix: `${prefix}-${stands}`, now, serverTime: now, seed: 1, liveServers: () => 2 }
    const server = () => {
      const limiter = sharedLimiter({ ...own, client, deadlineMs: 60_000, log: silent })
      return { ...limiter, take: sharedCallers({ ...limiter, now }) }
    }
    const pass = (ms: number): void => {
      time += 1_000 * ms
    }
    return { servers: [server(), server()] as const, rows, pass, ms: () => (time - START) / 1_000 }
  }

  const passes = async (take: CountCall, asked: Call): Promise<boolean> => {
    const { key, tenant } = await take(asked)
    return key.allowed && tenant.allowed
  }
  const admitted = async (count: number, one: (i: number) => Promise<boolean>): Promise<number> =>
    (await Promise.all(Array.from({ length: count }, (_, i) => one(i)))).filter((fits) => fits).length

  test.each([10, 100, 1_000])('of a plan of %i exactly as many pass, whoever asks at once and on which server', async (rate) => {
    const { servers, pass } = stand()
    let passed = await admitted(2 * rate + 200, (i) => passes(servers[i % 2 === 0 ? 0 : 1].take, call(rate)))
    expect(passed).toBeLessThanOrEqual(rate)
    // Each may hold what the other is refused for, until it has given that back.
    const drained = async () => {
      pass(400)
      for (const { take, sweepLeases } of servers) {
        sweepLeases()
        passed += await admitted(3, () => passes(take, call(rate)))
      }
      return passed
    }
    await expect.poll(drained, { timeout: 10_000 }).toBe(rate)
    expect(await admitted(50, (i) => passes(servers[i % 2 === 0 ? 0 : 1].take, call(rate)))).toBe(0)
  })

  test('no trailing minute holds more than the plan, whenever they come and however the plan changes', {
    timeout: 120_000,
  }, async () => {
    const step = fc.record({
      afterMs: fc.oneof(fc.nat(2_000), fc.nat(30_000)),
      calls: fc.nat(60),
      rate: fc.option(fc.constantFrom(10, 99, 100, 150, 1_000), { nil: undefined }),
    })
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
        runs += 1
        const { servers, pass, ms } = stand()
        const taken: { at: number; calls: number }[] = []
        let rate = 100
        for (const { afterMs, calls, rate: other } of steps) {
          pass(afterMs)
          rate = other ?? rate
          const asked = call(rate, { tenantId: `tnt_${runs}` })
          const passed = await admitted(calls, (i) => passes(servers[i % 3 === 0 ? 0 : 1].take, asked))
          taken.push({ at: ms(), calls: passed })
          const minute = taken.filter(({ at }) => at > ms() - MINUTE_MS).reduce((sum, one) => sum + one.calls, 0)
          if (passed > 0) expect(minute).toBeLessThanOrEqual(rate)
          for (const { sweepLeases } of servers) sweepLeases()
        }
      }),
      { numRuns: 25 },
    )
  })

  test('a plan that grows or shrinks goes on with what was counted, on both servers', async () => {
    const { servers, pass } = stand()
    const [here, there] = servers
    expect(await admitted(20, () => passes(here.take, call(10)))).toBe(10)
    pass(200)
    // One after the other: what a request holds while it asks for the rest, another one may be refused for.
    let passed = 0
    for (let n = 0; n < 200; n += 1) if (await passes(there.take, call(100))) passed += 1
    expect(passed).toBe(90)
    pass(200)
    expect(await admitted(20, () => passes(here.take, call(10)))).toBe(0)
  })

  test('of a key with a share of its own the rest is left to others, and it is refused alone', async () => {
    const { servers, pass } = stand()
    const [here, there] = servers
    const share = (keyId: string) => call(200, { keyId, keyRate: 100 })
    let passed = 0
    for (let n = 0; n < 200; n += 1) if (await passes(here.take, share('key_1'))) passed += 1
    expect(passed).toBe(100)
    pass(200)
    expect(await here.take(share('key_1'))).toMatchObject({ key: { allowed: false, remaining: 0 }, tenant: { allowed: true } })
    await here.endLeases()
    // What was refused took nothing of the tenant's.
    passed = 0
    for (let n = 0; n < 200; n += 1) if (await passes(there.take, share('key_2'))) passed += 1
    expect(passed).toBe(100)
  })

  test('most calls wait for nothing, and none is counted by an operator’s name or away from its tenant’s other counts', async () => {
    const { servers, rows } = stand()
    const { take } = servers[0]
    let waited = 0
    for (let n = 0; n < 5_000; n += 1) {
      const answer = take(call(100_000))
      if (answer instanceof Promise) waited += 1
      expect(await answer).toMatchObject({ key: { allowed: true, remaining: 99_999 - n }, tenant: { allowed: true } })
    }
    expect(waited).toBeLessThan(50)
    expect(rows.filter((row) => !row.includes('{tenant=tnt_1}') || row.includes('rl_'))).toEqual([])
  })

  test('whoever is refused over and over asks Redis ten times a second at most, and is heard again after', async () => {
    const { servers, rows, pass } = stand()
    const { take } = servers[0]
    expect(await admitted(10, () => passes(take, call(10)))).toBe(10)
    expect(await passes(take, call(10))).toBe(false)
    const before = rows.length
    for (let n = 0; n < 1_000; n += 1) expect(take(call(10))).toMatchObject({ tenant: { allowed: false, limit: 'tenant' } })
    expect(rows.length).toBe(before)
    // A larger plan does not wait for it.
    expect(await passes(take, call(20))).toBe(true)
    pass(70_000)
    expect(await passes(take, call(10))).toBe(true)
  })

  test('a plan without calls refuses them all, and no wait helps', async () => {
    const { servers } = stand()
    const none = { allowed: false, remaining: 0, retryAfterMs: Number.POSITIVE_INFINITY }
    for (let n = 0; n < 2; n += 1) expect(await servers[0].take(call(0))).toMatchObject({ key: none, tenant: none })
  })

  test('what a server holds goes to the others when it ends', async () => {
    const { servers } = stand()
    const [here, there] = servers
    for (let n = 0; n < 300; n += 1) expect(await passes(here.take, call(1_000))).toBe(true)
    await here.endLeases()
    let passed = 0
    for (let n = 0; n < 1_000; n += 1) if (await passes(there.take, call(1_000))) passed += 1
    expect(passed).toBe(700)
  })
})
