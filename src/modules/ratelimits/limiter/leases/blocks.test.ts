import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leasedServers, MOST, one, SECOND, warm } from '../../../../../test/harness/leased-servers.ts'
import { runs } from '../../../../../test/harness/runs.ts'

const RUNS = runs(100, 40)

test('a hot key is served from blocks: Redis is asked once for each', async () => {
  const { server, asked, remaining } = leasedServers()
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
  const { server, asked, remaining } = leasedServers()
  const limiter = server()
  let admitted = 0
  for (let n = 0; n < 1_100; n += 1) if ((await one(limiter)).allowed) admitted += 1
  expect(admitted).toBe(1_000)
  expect(remaining()).toBe(0)
  // Eighty tokens are below four blocks; a block more may be out when that is seen.
  expect(asked.slice(-160).every(([ask]) => ask?.cost === 1)).toBe(true)
})

test('a key that is asked for seldom is not leased', async () => {
  const { server, asked, remaining, pass } = leasedServers()
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
  const { server, asked } = leasedServers()
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
  const { server, remaining, pass } = leasedServers()
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
    { maxLength: 30, size: 'max' },
  )
  const reached = { leased: 0, refused: 0, longest: 0 }
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { server, asked, remaining, pass } = leasedServers()
      const servers = [server(), server(), server()]
      let [admitted, refused] = [0, false]
      for (const { who, cost, times, gap } of all) {
        pass(gap)
        for (let n = 0; n < times; n += 1) {
          const limiter = servers[who]
          if (limiter && (await one(limiter, cost)).allowed) admitted += cost
          else refused = true
        }
        expect(1_000 - remaining() - admitted).toBeLessThanOrEqual(servers.length * MOST)
      }
      pass(6 * SECOND)
      for (const limiter of servers) limiter.sweep()
      expect(remaining()).toBe(1_000 - admitted)
      if (asked.some(([ask]) => (ask?.cost ?? 1) > 12)) reached.leased += 1
      if (refused) reached.refused += 1
      reached.longest = Math.max(reached.longest, all.length)
    }),
    { numRuns: RUNS },
  )
  // Most were served from blocks, and many went on until the limit was all taken.
  expect(reached.longest).toBeGreaterThan(25)
  expect(reached.leased).toBeGreaterThan(RUNS / 3)
  expect(reached.refused).toBeGreaterThan(RUNS / 10)
})

test('however many answers are late, a server has taken no more than a block that it does not serve', async () => {
  const steps = fc.array(fc.record({ times: fc.integer({ min: 1, max: 150 }), gap: fc.nat(2 * SECOND), isSwept: fc.boolean() }), {
    minLength: 5,
    maxLength: 28,
    size: 'max',
  })
  const reached = { late: 0, refused: 0, longest: 0 }
  await fc.assert(
    fc.asyncProperty(steps, fc.infiniteStream(fc.nat(2)), async (all, chances) => {
      const { server, remaining, pass, setLate } = leasedServers()
      let [admitted, lates, refused] = [0, 0, false]
      setLate(() => {
        const isLate = chances.next().value === 0
        if (isLate) lates += 1
        return isLate
      })
      const limiter = server()
      for (const { times, gap, isSwept } of all) {
        pass(gap)
        if (isSwept) limiter.sweep()
        const answers = await Promise.all(Array.from({ length: times }, () => one(limiter)))
        admitted += answers.filter(({ allowed }) => allowed).length
        refused ||= answers.some(({ allowed }) => !allowed)
        expect(1_000 - remaining() - admitted).toBeLessThanOrEqual(MOST)
      }
      if (lates > 0) reached.late += 1
      if (refused) reached.refused += 1
      reached.longest = Math.max(reached.longest, all.length)
    }),
    { numRuns: RUNS },
  )
  expect(reached.longest).toBeGreaterThan(20)
  for (const count of [reached.late, reached.refused]) expect(count).toBeGreaterThan(RUNS / 3)
})

test('a block whose answer was late is let go of when its window is over for sure', async () => {
  const { server, asked, pass, setLate } = leasedServers()
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
  const { server, remaining, pass, delay } = leasedServers()
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

test('close gives everything back, and requests after it ask Redis', async () => {
  const { server, asked, remaining } = leasedServers()
  const limiter = server()
  const used = await warm(limiter)
  await limiter.close()
  expect(remaining()).toBe(1_000 - used)
  asked.length = 0
  for (let n = 0; n < 5; n += 1) await one(limiter)
  expect(asked.length).toBe(5)
})

test('a look takes nothing, and is answered from a block where one is held', async () => {
  const { server, asked } = leasedServers()
  const limiter = server()
  expect(await one(limiter, 0)).toMatchObject({ allowed: true, limits: [{ remaining: 1_000 }] })
  const used = await warm(limiter)
  asked.length = 0
  expect(await one(limiter, 0)).toMatchObject({ allowed: true, limits: [{ remaining: 1_000 - used }] })
  expect(asked.length).toBe(0)
})

test('while Redis is gone a held block is served to its end; then the limit answers as it is told to', async () => {
  const { server, pass, setAway } = leasedServers()
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
  const { server, asked, pass } = leasedServers()
  const limiter = server()
  await warm(limiter)
  pass(60 * SECOND)
  asked.length = 0
  expect(await one(limiter)).toMatchObject({ allowed: true, limits: [{ remaining: 999 }] })
  expect(asked.length).toBe(1)
})

test('a key that is reset forgets its block', async () => {
  const { server, asked, remaining } = leasedServers()
  const limiter = server()
  await warm(limiter)
  await limiter.reset('all', 'k')
  expect(remaining()).toBe(1_000)
  asked.length = 0
  await one(limiter)
  expect(asked.length).toBe(1)
  expect(remaining()).toBe(999)
})
