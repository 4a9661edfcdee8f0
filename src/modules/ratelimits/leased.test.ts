import { afterAll, expect, test } from 'vitest'
import { asksFor, changedLimit, type Said } from '../../../test/factories/changed-limit.ts'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { silent } from '../../../test/harness/database.ts'
import { describeRedis, openRedis, redisUrl } from '../../../test/harness/redis.ts'
import { openRedis as connect } from '../../platform/redis/connection.ts'
import type { CountAsk } from './counting.ts'
import type { Policy } from './limiter/policy.ts'
import type { RedisClient } from './limiter/redis/client.ts'
import { type SharedLimiter, sharedLimiter } from './shared.ts'

const HOUR = 3_600_000
/** The start of a day, in microseconds. */
const START = 19_675 * 86_400_000_000
const window = (limit: number, windowMs = HOUR): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs })
const sliding = (limit: number): Policy => ({ algorithm: 'SLIDING_WINDOW', limit, windowMs: HOUR })
const bucket = (capacity: number): Policy => ({ algorithm: 'TOKEN_BUCKET', capacity, refill: { tokens: 1, perMs: HOUR } })

const ask = (limitId: string, policy: Policy, told: Partial<CountAsk> = {}): CountAsk =>
  countAsk(limitId, policy, { key: 'global', leased: true, ...told })

describeRedis('leased limits', () => {
  const { redis, prefix } = openRedis()
  let stands = 0

  /** Servers over one Redis at a time that is told; `rows` are those that it was asked about. */
  const stand = () => {
    stands += 1
    let time = START
    const now = () => time
    const rows: string[] = []
    const counting = (client: RedisClient): RedisClient => ({
      evalsha: (sha, count, ...args) => {
        rows.push(...args.slice(0, count))
        return client.evalsha(sha, count, ...args)
      },
      eval: (script, count, ...args) => client.eval(script, count, ...args),
    })
    const own = `${prefix}-${stands}`
    const server = ({ client = redis as RedisClient, isCluster = false } = {}): SharedLimiter =>
      sharedLimiter({
        client: counting(client),
        isCluster,
        prefix: own,
        now,
        serverTime: now,
        seed: 1,
        deadlineMs: 60_000,
        liveServers: () => 1,
        log: silent,
      })
    const asked = (limitId: string) => rows.filter((row) => row.includes(limitId)).length
    const pass = (ms: number): void => {
      time += 1_000 * ms
    }
    return { server, asked, pass }
  }

  const one = async (limiter: SharedLimiter, asked: CountAsk, take = true) => {
    const [answer] = await limiter.decide([asked], { take })
    if (!answer) throw new Error('no answer')
    return answer
  }
  /** One after the other, until one is refused or there were enough. */
  const admitted = async (limiter: SharedLimiter, asked: CountAsk, enough = Number.POSITIVE_INFINITY): Promise<number> => {
    for (let n = 0; n < enough; n += 1) if (!(await one(limiter, asked)).fits) return n
    return enough
  }

  const connections: { close(): void }[] = []
  afterAll(() => {
    for (const { close } of connections) close()
  })
  const connection = async (): Promise<RedisClient> => {
    const opened = await connect({ urls: [redisUrl], isCluster: false }, silent)
    connections.push(opened)
    return opened.client
  }

  // Of a bucket Redis counts by less: by what flows off while a block is out.
  test.each([
    ['a fixed window', window(1_000), 1_000],
    ['a sliding window', sliding(1_000), 1_000],
    ['a token bucket', bucket(1_000), 999],
  ])(
    'of %s three servers never let more through at once, and to the last token in the end',
    { timeout: 60_000 },
    async (name, policy, most) => {
      const { server } = stand()
      const servers = await Promise.all([1, 2, 3].map(async () => server({ client: await connection() })))
      const asked = ask(`rl_${name.replaceAll(' ', '_')}`, policy)
      for (const each of servers) expect(await admitted(each, asked, 20)).toBe(20)
      const answers = await Promise.all(Array.from({ length: 2_000 }, (_, i) => one(servers[i % 3] as SharedLimiter, asked)))
      expect(answers.some(({ degraded }) => degraded)).toBe(false)
      const passed = 60 + answers.filter(({ fits }) => fits).length
      expect(passed).toBeLessThanOrEqual(most)
      expect(passed).toBeGreaterThanOrEqual(most - 3 * 20)
      const [first, ...others] = servers as [SharedLimiter, ...SharedLimiter[]]
      await Promise.all(others.map((each) => each.endLeases()))
      expect(passed + (await admitted(first, asked))).toBe(most)
    },
  )

  test('of two thousand requests that meet one limit and each its tenant, the limit is asked for blocks alone', async () => {
    const { server, asked } = stand()
    const limiter = server({ isCluster: true })
    const all = ask('rl_all', window(100_000))
    const requests = 2_000
    for (let n = 1; n <= requests; n += 1) {
      const own = ask('rl_own', window(1_000), { key: `tenant=${n % 10}`, leased: false })
      const [first, second] = await limiter.decide([all, own], { take: true })
      expect(first).toMatchObject({ fits: true, remaining: 100_000 - n })
      expect(second).toMatchObject({ fits: true, remaining: 1_000 - Math.ceil(n / 10) })
    }
    expect(asked('rl_own')).toBeGreaterThanOrEqual(requests)
    // Blocks of 8, 64, 512 and then 2,000; some are asked for again, where somebody has the scripts forgotten.
    expect(asked('rl_all')).toBeLessThan(requests / 100)
  })

  test('what another limit refuses is not charged to it: the tokens go back into the block', async () => {
    const { server, asked } = stand()
    const [limiter, other] = [server({ isCluster: true }), server()]
    const all = ask('rl_all', window(1_000))
    const own = ask('rl_own', window(50), { key: 'tenant=a', leased: false })
    let passed = 0
    for (let n = 0; n < 500; n += 1) {
      const answers = await limiter.decide([all, own], { take: true })
      if (answers.every(({ fits }) => fits)) passed += 1
      else
        expect(answers).toMatchObject([
          { fits: true, remaining: 950 },
          { fits: false, remaining: 0 },
        ])
    }
    expect(passed).toBe(50)
    expect(asked('rl_all')).toBeLessThan(50)
    await limiter.endLeases()
    expect(await one(other, { ...all, cost: 0 }, false)).toMatchObject({ remaining: 950 })
  })

  test('what it refuses itself takes nothing from the others', async () => {
    const { server } = stand()
    const limiter = server()
    const all = ask('rl_all', window(100))
    const own = ask('rl_own', window(50), { key: 'tenant=a', leased: false })
    expect(await admitted(limiter, all)).toBe(100)
    expect(await limiter.decide([own, all], { take: true })).toMatchObject([
      { fits: true, remaining: 50, retryAfterMs: 0 },
      { fits: false, remaining: 0, retryAfterMs: HOUR },
    ])
  })

  test('two that are leased are taken from together or not at all', async () => {
    const { server } = stand()
    const limiter = server()
    const [wide, narrow] = [ask('rl_wide', sliding(1_000)), ask('rl_narrow', window(100))]
    let passed = 0
    for (let n = 0; n < 200; n += 1)
      if ((await limiter.decide([wide, narrow], { take: true })).every(({ fits }) => fits)) passed += 1
    expect(passed).toBe(100)
    expect(await limiter.decide([wide, narrow], { take: false })).toMatchObject([{ remaining: 900 }, { remaining: 0 }])
  })

  test('a look and a trial tell what a request would be told, and take nothing', async () => {
    const { server } = stand()
    const [limiter, other] = [server(), server()]
    const all = ask('rl_all', window(1_000))
    expect(await admitted(limiter, all, 100)).toBe(100)
    expect(await one(limiter, { ...all, cost: 0 }, false)).toMatchObject({ fits: true, remaining: 900 })
    const theirs = (await one(other, { ...all, cost: 0 }, false)).remaining
    expect(theirs).toBeLessThan(900)
    expect(theirs).toBeGreaterThanOrEqual(880)
    expect(await admitted(other, all)).toBe(theirs)
    expect(await one(limiter, all, false)).toMatchObject({ fits: true, remaining: 900 - theirs, retryAfterMs: 0 })
    expect(await one(other, all, false)).toMatchObject({ fits: false, remaining: 0, retryAfterMs: HOUR })
    expect(await admitted(limiter, all)).toBe(900 - theirs)
  })

  test('under a new version no block of the one before is served, and all come back', async () => {
    const { server } = stand()
    const limiter = server()
    expect(await admitted(limiter, ask('rl_all', window(1_000)), 100)).toBe(100)
    const lower = ask('rl_all', window(100), { version: 2 })
    expect(await one(limiter, lower)).toMatchObject({ fits: false, remaining: 0 })
    const higher = ask('rl_all', window(500), { version: 3 })
    await expect.poll(() => one(limiter, higher, false), { timeout: 10_000 }).toMatchObject({ fits: true, remaining: 400 })
    expect(await admitted(limiter, higher)).toBe(400)
  })

  test('what was taken comes along when a sliding window is leased from now on, and when it no more is', async () => {
    const { server } = stand()
    const limiter = server()
    const said: Said[] = []
    const asked = (leased: boolean): CountAsk => {
      said.push({ policy: sliding(1_000), scopes: ['GLOBAL'], leased, sinceMs: START / 1_000 })
      const [only] = asksFor(changedLimit('rl_all', said), {}, { atMs: START / 1_000 })
      if (!only) throw new Error('the limit does not meet the request')
      return only
    }
    expect(await admitted(limiter, asked(false), 100)).toBe(100)
    expect(await admitted(limiter, asked(true), 100)).toBe(100)
    const { remaining } = await one(limiter, asked(false))
    // The block of version 2 may be back before the counts go on, or count as used.
    expect(remaining).toBeLessThanOrEqual(799)
    expect(remaining).toBeGreaterThanOrEqual(779)
  })

  test('whoever asks by an earlier version asks Redis, and ends no block of the one that holds', async () => {
    const { server, asked } = stand()
    const limiter = server()
    const [before, after] = [ask('rl_all', window(1_000)), ask('rl_all', window(1_000), { version: 2 })]
    expect(await admitted(limiter, after, 100)).toBe(100)
    expect(await one(limiter, before)).toMatchObject({ fits: true })
    const trips = asked('rl_all')
    expect(await admitted(limiter, after, 2)).toBe(2)
    expect(asked('rl_all')).toBe(trips)
  })

  test('what is idle goes back, and all of it when the server ends', async () => {
    const { server, pass } = stand()
    const [idle, ending, other] = [server(), server(), server()]
    const all = ask('rl_all', window(1_000))
    for (const each of [idle, ending]) expect(await admitted(each, all, 100)).toBe(100)
    const left = async () => (await one(other, { ...all, cost: 0 }, false)).remaining
    expect(await left()).toBeLessThan(800)
    await ending.endLeases()
    pass(10_000)
    idle.sweepLeases()
    await expect.poll(left, { timeout: 10_000 }).toBe(800)
    expect(await admitted(ending, all, 10)).toBe(10)
    expect(await left()).toBe(790)
  })

  test('a key that is reset forgets its block', async () => {
    const { server } = stand()
    const [limiter, other] = [server(), server()]
    const all = ask('rl_all', window(1_000))
    expect(await admitted(limiter, all, 100)).toBe(100)
    await limiter.reset(all)
    expect(await one(other, { ...all, cost: 0 }, false)).toMatchObject({ remaining: 1_000 })
    expect(await one(limiter, all)).toMatchObject({ remaining: 999 })
  })
})
