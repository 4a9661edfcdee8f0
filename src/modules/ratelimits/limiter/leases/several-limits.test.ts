import { expect, test } from 'vitest'
import { both, leasedServers, limits, MOST, one, warm } from '../../../../../test/harness/leased-servers.ts'
import { PolicyError } from '../compile.ts'

test('what refused requests put back while a block is on its way is kept beside all of it', async () => {
  const { server, remaining, delay, setLate } = leasedServers({ ...limits, user: { ...limits.user, limit: 0 } })
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

test('a leased limit and another are taken from together or not at all', async () => {
  const { server, remaining } = leasedServers()
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
  const { server } = leasedServers()
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
  const { server } = leasedServers()
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
    const { server, setAway } = leasedServers(limits, open)
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

test('mistakes are told: of the caller by a rejection, of the policy at once', async () => {
  const { server, remaining } = leasedServers()
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
  expect(() => leasedServers({ other: limits.all }).server()).toThrow(PolicyError)
})
