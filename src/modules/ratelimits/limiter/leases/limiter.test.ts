import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PolicyError } from '../compile.ts'
import type { Ask, Decision } from '../decision.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { type LeasedLimiter, leasedLimiter } from './limiter.ts'

const START = 19_675 * 86_400_000_000
const SECOND = 1_000_000
const limits = {
  all: { algorithm: 'FIXED_WINDOW', limit: 1_000, windowMs: 60_000 },
  user: { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: 60_000 },
} as const satisfies Record<string, Policy>
const MOST = 20

/** Servers over one store that answers at once, unless it is away: then the limits of `open` let all pass, the others nobody. */
const stand = (policies: Readonly<Record<string, Policy>> = limits, open: readonly string[] = []) => {
  let [time, isAway] = [START, false]
  let isLate = (): boolean => false
  const delays: { acquire?: Promise<void>; giveBack?: Promise<void> } = {}
  const now = () => time
  const asked: (readonly Ask[])[] = []
  let store: ReturnType<typeof memoryLimiter> | undefined
  const refuse = () => Promise.reject(new Error('not of this test'))
  const away = (asks: readonly Ask[]): Decision => {
    const told = asks.map(({ limit }) => {
      const allowed = open.includes(limit)
      return { limit, allowed, remaining: 0, resetMs: 0, retryAfterMs: allowed ? 0 : 1_000, delayMs: 0 }
    })
    return { allowed: told.every(({ allowed }) => allowed), limits: told, degraded: true }
  }
  const server = (): LeasedLimiter =>
    leasedLimiter({
      limits: policies,
      leases: { all: 0.02 },
      countedBy: (counted) => {
        const shared = store ?? memoryLimiter({ limits: counted, now, seed: 1 })
        store = shared
        return {
          async acquire(asks) {
            asked.push(asks)
            if (delays.acquire) await delays.acquire
            if (isAway) return away(asks)
            const decision = shared.tryAcquireAll(asks)
            return asks.some(({ cost = 1 }) => cost > 1) && isLate() ? away(asks) : decision
          },
          async giveBack(limit, key, amount) {
            if (delays.giveBack) await delays.giveBack
            if (isAway) throw new Error('away')
            shared.giveBack(limit, key, amount)
            if (isLate()) throw new Error('late')
          },
          async reset(limit, key) {
            shared.reset(limit, key)
          },
          reserve: refuse,
          settle: refuse,
          release: refuse,
        }
      },
      now,
    })
  const remaining = (): number => store?.tryAcquire('all', 'k', 0).remaining ?? 0
  const pass = (us: number): void => {
    time += us
  }
  const setAway = (is: boolean): void => {
    isAway = is
  }
  /** Whether Redis executes the next block or give-back, and answers when nobody waits any more. */
  const setLate = (next: () => boolean): void => {
    isLate = next
  }
  /** What is sent from now on is executed when `until` is over. */
  const delay = (what: keyof typeof delays, until: Promise<void>): void => {
    delays[what] = until
  }
  return { server, asked, remaining, pass, setAway, setLate, delay }
}

const one = (limiter: LeasedLimiter, cost = 1) => limiter.acquire([{ limit: 'all', key: 'k', cost }])
const both = (limiter: LeasedLimiter, cost = 1) =>
  limiter.acquire([
    { limit: 'user', key: 'u', cost },
    { limit: 'all', key: 'k', cost },
  ])

/** As many as make the key known as hot: a full block is held after them. */
const warm = async (limiter: LeasedLimiter): Promise<number> => {
  for (let n = 0; n < 16; n += 1) await one(limiter)
  return 16
}

test('a hot key is served from blocks: Redis is asked once for each', async () => {
  const { server, asked, remaining } = stand()
  const limiter = server()
  for (let n = 1; n <= 900; n += 1)
    expect(await one(limiter)).toEqual({
      allowed: true,
      limits: [{ limit: 'all', allowed: true, remaining: 1_000 - n, resetMs: 60_000, retryAfterMs: 0, delayMs: 0 }],
    })
  expect(asked.length).toBe(1 + 1 + Math.ceil((900 - 1 - 8) / MOST))
  expect(remaining()).toBeGreaterThanOrEqual(1_000 - 900 - MOST)
})

test('near exhaustion each request asks, and the limit is admitted to the last token', async () => {
  const { server, asked, remaining } = stand()
  const limiter = server()
  let admitted = 0
  for (let n = 0; n < 1_100; n += 1) if ((await one(limiter)).allowed) admitted += 1
  expect(admitted).toBe(1_000)
  expect(remaining()).toBe(0)
  // Eighty tokens are below four blocks; a block more may be out when that is seen.
  expect(asked.slice(-160).every(([ask]) => ask?.cost === 1)).toBe(true)
})

test('a key that is asked for seldom is not leased', async () => {
  const { server, asked, remaining, pass } = stand()
  const limiter = server()
  for (let n = 0; n < 20; n += 1) {
    await one(limiter)
    pass(7 * SECOND)
  }
  expect(asked.length).toBe(20)
  // The third minute holds the last two.
  expect(remaining()).toBe(1_000 - 2)
})

test('one block of a key is fetched at a time; whom it will not suffice for asks for itself', async () => {
  const { server, asked } = stand()
  const limiter = server()
  await one(limiter)
  asked.length = 0
  const answers = await Promise.all(Array.from({ length: 50 }, () => one(limiter)))
  expect(answers.every(({ allowed }) => allowed)).toBe(true)
  const costs = asked.map(([ask]) => ask?.cost)
  expect(costs.filter((cost) => cost === 8)).toHaveLength(1)
  expect(costs.filter((cost) => cost === 1)).toHaveLength(42)
})

test('what is idle goes back, and others can have it', async () => {
  const { server, remaining, pass } = stand()
  const [a, b] = [server(), server()]
  const used = await warm(a)
  expect(remaining()).toBeLessThan(1_000 - used)
  pass(6 * SECOND)
  a.sweep()
  expect(remaining()).toBe(1_000 - used)
  let others = 0
  while ((await one(b)).allowed) others += 1
  expect(others).toBe(1_000 - used)
})

test('whatever was asked, no more than a block a server is out, and all of it comes back when idle', async () => {
  const steps = fc.array(
    fc.record({
      who: fc.nat(2),
      cost: fc.integer({ min: 1, max: 12 }),
      times: fc.integer({ min: 1, max: 20 }),
      gap: fc.nat(SECOND / 2),
    }),
    { maxLength: 30 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { server, remaining, pass } = stand()
      const servers = [server(), server(), server()]
      let admitted = 0
      for (const { who, cost, times, gap } of all) {
        pass(gap)
        for (let n = 0; n < times; n += 1) {
          const limiter = servers[who]
          if (limiter && (await one(limiter, cost)).allowed) admitted += cost
        }
        expect(1_000 - remaining() - admitted).toBeLessThanOrEqual(servers.length * MOST)
      }
      pass(6 * SECOND)
      for (const limiter of servers) limiter.sweep()
      expect(remaining()).toBe(1_000 - admitted)
    }),
    { numRuns: 200 },
  )
})

test('however many answers are late, a server has taken no more than a block that it does not serve', async () => {
  const steps = fc.array(fc.record({ times: fc.integer({ min: 1, max: 40 }), gap: fc.nat(2 * SECOND), isSwept: fc.boolean() }), {
    minLength: 5,
    maxLength: 28,
  })
  await fc.assert(
    fc.asyncProperty(steps, fc.infiniteStream(fc.nat(2)), async (all, chances) => {
      const { server, remaining, pass, setLate } = stand()
      setLate(() => chances.next().value === 0)
      const limiter = server()
      let admitted = 0
      for (const { times, gap, isSwept } of all) {
        pass(gap)
        if (isSwept) limiter.sweep()
        const answers = await Promise.all(Array.from({ length: times }, () => one(limiter)))
        admitted += answers.filter(({ allowed }) => allowed).length
        expect(1_000 - remaining() - admitted).toBeLessThanOrEqual(MOST)
      }
    }),
    { numRuns: 200 },
  )
})

test('a block whose answer was late is let go of when its window is over for sure', async () => {
  const { server, asked, pass, setLate } = stand()
  const limiter = server()
  setLate(() => true)
  await warm(limiter)
  setLate(() => false)
  const blocks = () => asked.filter(([ask]) => (ask?.cost ?? 1) > 1).map(([ask]) => ask?.cost)
  const late = blocks()
  expect(late.reduce<number>((sum, cost = 0) => sum + cost, 0)).toBeLessThanOrEqual(MOST)
  pass(68.5 * SECOND)
  await warm(limiter)
  await warm(limiter)
  expect(blocks().slice(late.length)).toContain(MOST)
})

test('what is on its way back counts until Redis has said so', async () => {
  const { server, remaining, pass, delay } = stand()
  const limiter = server()
  let admitted = await warm(limiter)
  expect(1_000 - remaining() - admitted).toBeGreaterThan(0)
  pass(6 * SECOND)
  const back = Promise.withResolvers<void>()
  delay('giveBack', back.promise)
  limiter.sweep()
  for (let n = 0; n < 10 * MOST; n += 1) {
    if ((await one(limiter)).allowed) admitted += 1
    expect(1_000 - remaining() - admitted).toBeLessThanOrEqual(MOST)
  }
  back.resolve()
  await limiter.close()
  expect(remaining()).toBe(1_000 - admitted)
})

test('what refused requests put back while a block is on its way is kept beside all of it', async () => {
  const { server, remaining, delay, setLate } = stand({ ...limits, user: { ...limits.user, limit: 0 } })
  const limiter = server()
  let admitted = await warm(limiter)
  const held = 1_000 - remaining() - admitted
  const [user, block] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  delay('acquire', user.promise)
  const refused = Array.from({ length: held }, () => both(limiter))
  // They come to the other limit once their tokens are taken.
  await new Promise((resolve) => setImmediate(resolve))
  delay('acquire', block.promise)
  const waiting = Array.from({ length: MOST }, () => one(limiter))
  await new Promise((resolve) => setImmediate(resolve))
  user.resolve()
  for (const { allowed } of await Promise.all(refused)) expect(allowed).toBe(false)
  setLate(() => true)
  block.resolve()
  admitted += (await Promise.all(waiting)).filter(({ allowed }) => allowed).length
  expect(1_000 - remaining() - admitted).toBeLessThanOrEqual(MOST)
})

test('close gives everything back, and requests after it ask Redis', async () => {
  const { server, asked, remaining } = stand()
  const limiter = server()
  const used = await warm(limiter)
  await limiter.close()
  expect(remaining()).toBe(1_000 - used)
  asked.length = 0
  for (let n = 0; n < 5; n += 1) await one(limiter)
  expect(asked.length).toBe(5)
})

test('a leased limit and another are taken from together or not at all', async () => {
  const { server, remaining } = stand()
  const limiter = server()
  let admitted = 0
  for (let n = 0; n < 150; n += 1) if ((await both(limiter)).allowed) admitted += 1
  expect(admitted).toBe(100)
  const refused = await both(limiter)
  expect(refused).toMatchObject({
    allowed: false,
    limits: [
      { limit: 'user', allowed: false },
      { limit: 'all', allowed: true },
    ],
  })
  await limiter.close()
  expect(remaining()).toBe(900)
})

test('what the leased limit refuses takes nothing from the other, which is told', async () => {
  const { server } = stand()
  const limiter = server()
  while ((await one(limiter)).allowed);
  expect(await both(limiter, 2)).toEqual({
    allowed: false,
    limits: [
      { limit: 'user', allowed: true, remaining: 100, resetMs: 0, retryAfterMs: 0, delayMs: 0 },
      { limit: 'all', allowed: false, remaining: 0, resetMs: 60_000, retryAfterMs: 60_000, delayMs: 0 },
    ],
  })
})

test('of a cost that the other limit never holds the wait is endless, whether its key was used or not', async () => {
  const { server } = stand()
  const limiter = server()
  while ((await one(limiter)).allowed);
  const never = { limit: 'user', allowed: false, retryAfterMs: Number.POSITIVE_INFINITY }
  expect(await both(limiter, 101)).toMatchObject({ limits: [{ ...never, remaining: 100 }, {}] })
  await limiter.acquire([{ limit: 'user', key: 'u' }])
  expect(await both(limiter, 101)).toMatchObject({ limits: [{ ...never, remaining: 99 }, {}] })
  expect(await both(limiter, 100)).toMatchObject({ limits: [{ allowed: false, remaining: 99, retryAfterMs: 60_000 }, {}] })
})

test('what the other limit says of a Redis that is away is told as it is', async () => {
  const unheard = { remaining: 0, resetMs: 0, delayMs: 0 }
  const refused = { ...unheard, allowed: false, retryAfterMs: 1_000 }
  const passed = { ...unheard, allowed: true, retryAfterMs: 0 }
  for (const [open, user] of [
    [['user'], passed],
    [[], refused],
  ] as const) {
    const { server, setAway } = stand(limits, open)
    setAway(true)
    expect(await both(server())).toEqual({
      allowed: false,
      limits: [
        { limit: 'user', ...user },
        { limit: 'all', ...refused },
      ],
      degraded: true,
    })
  }
})

test('a look takes nothing, and is answered from a block where one is held', async () => {
  const { server, asked } = stand()
  const limiter = server()
  expect(await one(limiter, 0)).toMatchObject({ allowed: true, limits: [{ remaining: 1_000 }] })
  const used = await warm(limiter)
  asked.length = 0
  expect(await one(limiter, 0)).toMatchObject({ allowed: true, limits: [{ remaining: 1_000 - used }] })
  expect(asked.length).toBe(0)
})

test('while Redis is gone a held block is served to its end; then the limit answers as it is told to', async () => {
  const { server, pass, setAway } = stand()
  const limiter = server()
  await warm(limiter)
  setAway(true)
  let served = 0
  while ((await one(limiter)).allowed) served += 1
  expect(served).toBeGreaterThan(0)
  expect(served).toBeLessThanOrEqual(MOST)
  expect(await one(limiter)).toMatchObject({ allowed: false, degraded: true })
  setAway(false)
  pass(1_000)
  expect(await one(limiter)).toMatchObject({ allowed: true })
})

test('a block ends with its window though nobody looked', async () => {
  const { server, asked, pass } = stand()
  const limiter = server()
  await warm(limiter)
  pass(60 * SECOND)
  asked.length = 0
  expect(await one(limiter)).toMatchObject({ allowed: true, limits: [{ remaining: 999 }] })
  expect(asked.length).toBe(1)
})

test('a key that is reset forgets its block', async () => {
  const { server, asked, remaining } = stand()
  const limiter = server()
  await warm(limiter)
  await limiter.reset('all', 'k')
  expect(remaining()).toBe(1_000)
  asked.length = 0
  await one(limiter)
  expect(asked.length).toBe(1)
  expect(remaining()).toBe(999)
})

test('mistakes are told: of the caller by a rejection, of the policy at once', async () => {
  const { server, remaining } = stand()
  const limiter = server()
  await warm(limiter)
  const left = remaining()
  await expect(one(limiter, -1)).rejects.toThrow('a cost is -1')
  await expect(limiter.acquire([{ limit: 'none', key: 'k' }])).rejects.toThrow("there is no limit 'none'")
  await expect(
    limiter.acquire([
      { limit: 'all', key: 'k' },
      { limit: 'none', key: 'k' },
    ]),
  ).rejects.toThrow("there is no limit 'none'")
  await expect(
    limiter.acquire([
      { limit: 'all', key: 'k' },
      { limit: 'all', key: 'l' },
    ]),
  ).rejects.toThrow('stands twice')
  expect(remaining()).toBe(left)
  expect(() => stand({ other: limits.all }).server()).toThrow(PolicyError)
})
