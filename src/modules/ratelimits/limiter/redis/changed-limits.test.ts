import fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import { runs } from '../../../../../test/harness/runs.ts'
import { compile } from '../compile.ts'
import type { CostPolicy } from '../policy.ts'
import { redisLimiter } from './limiter.ts'

/** A Sunday's last second before the clocks of Europe change. */
const START = Date.parse('2026-03-29T00:59:59Z') * 1_000
const NUMBERS = ['0', '0.000000000007', '0.5', '12.000000000001', '20000'] as const
const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS
const dollars = (n: number): number => n * 1_000_000_000_000

const toMs = (us: number): number => Math.ceil(us / 1_000)

/** Servers that count one key by limits of another number each, and what the cores say of it. */
const standOf = (
  client: ReturnType<typeof openRedis>['redis'],
  prefix: string,
  windows: Omit<CostPolicy, 'limit' | 'algorithm'>,
) => {
  let now = START
  const servers = NUMBERS.map((limit) => {
    const policy: CostPolicy = { algorithm: 'COST_BASED', limit, ...windows }
    const limiter = redisLimiter({
      client,
      prefix,
      limits: { money: policy },
      now: () => now,
      serverTime: () => now,
      deadlineMs: 10_000,
    })
    return { limiter, core: compile(policy).core }
  })
  const serverAt = (i: number) => servers[i] as (typeof servers)[number]
  const rows = new Float64Array(serverAt(0).core.width)
  const holds = new Map<string, { readonly amount: number; readonly stamp: number }>()

  /** Asks the server and the cores, and wants the same answer. */
  const acquire = async (server: number, cost: number, reserveAs?: string): Promise<void> => {
    const { core, limiter } = serverAt(server)
    const asks = [{ limit: 'money', key: 'k', cost }]
    const decision = reserveAs === undefined ? limiter.acquire(asks) : limiter.reserve(reserveAs, asks, YEAR_MS)
    core.advance(rows, 0, now)
    const room = core.room(rows, 0, now)
    const allowed = room >= cost
    if (allowed && cost > 0) core.take(rows, 0, now, cost)
    if (allowed && reserveAs !== undefined) holds.set(reserveAs, { amount: cost, stamp: core.stamp(rows, 0, now, cost) })
    const told = {
      limit: 'money',
      allowed,
      remaining: Math.max(0, allowed ? room - cost : room),
      resetMs: toMs(core.reset(rows, 0, now)),
      retryAfterMs: allowed ? 0 : toMs(core.wait(rows, 0, now, cost)),
      delayMs: 0,
    }
    expect(await decision).toEqual({ allowed, limits: [told] })
  }

  const settle = async (server: number, id: string, truth: number): Promise<void> => {
    const { core, limiter } = serverAt(server)
    const hold = holds.get(id)
    if (!hold) return
    holds.delete(id)
    core.advance(rows, 0, now)
    if (truth < hold.amount) core.giveBack(rows, 0, now, hold.amount - truth, hold.stamp)
    if (truth > hold.amount) core.take(rows, 0, now, truth - hold.amount)
    expect(await limiter.settle(id, { money: truth })).toEqual({ state: 'settled', changed: true })
  }

  return {
    acquire,
    settle,
    isHeld: (id: string): boolean => holds.has(id),
    wait: (us: number): void => {
      now += us
    },
  }
}

const amount = fc.oneof(
  fc.integer({ min: 0, max: 12 }),
  fc.constantFrom(1, 400_000_000_000, dollars(3) + 1, dollars(1_000), 2 ** 49),
)
const step = fc.record({
  gap: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 60_000_000 }),
    fc.constantFrom(3_600_000_000, DAY_MS * 1_000, 40 * DAY_MS * 1_000),
  ),
  server: fc.nat(NUMBERS.length - 1),
  what: fc.constantFrom('acquire', 'look', 'reserve', 'settle', 'settle'),
  id: fc.constantFrom('r1', 'r2', 'r3'),
  amount,
})
const windows = fc.oneof(
  fc.record({
    windowMs: fc.constantFrom(50, 60_000, 3_600_000, 31 * DAY_MS),
    anchor: fc.constantFrom('epoch' as const, 'first_use' as const),
  }),
  fc.record({
    anchor: fc.record({
      unit: fc.constantFrom('minute', 'hour', 'day', 'week', 'month'),
      timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu'),
    }),
  }),
)

describeRedis('spend in Redis', () => {
  const { redis, prefix } = openRedis()
  let stands = 0
  const stand = (form: Parameters<typeof standOf>[2]) => {
    stands += 1
    return standOf(redis, `${prefix}-${stands}`, form)
  }

  test('is counted as the cores count it, step by step, by servers whose limits differ in number', { timeout: 120_000 }, () =>
    fc.assert(
      fc.asyncProperty(windows, fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (form, steps) => {
        const { acquire, settle, isHeld, wait } = stand(form)
        let made = 0
        const ids = new Map<string, string>()
        for (const { gap, server, what, id, amount: cost } of steps) {
          wait(gap)
          const known = ids.get(id) ?? ''
          if (what === 'settle') await settle(server, known, cost)
          else if (what === 'reserve' && !isHeld(known)) {
            made += 1
            ids.set(id, `r${made}`)
            await acquire(server, cost, `r${made}`)
          } else await acquire(server, what === 'look' ? 0 : cost)
        }
      }),
      { numRuns: runs(60, 20) },
    ),
  )

  test('of 100 is no debt under 1: nothing fits in the window, all in the next', async () => {
    stands += 1
    let now = 1_700_000_040_000_000
    const open = (limit: string) =>
      redisLimiter({
        client: redis,
        prefix: `${prefix}-${stands}`,
        limits: { money: { algorithm: 'COST_BASED', limit, windowMs: 60_000 } },
        now: () => now,
        serverTime: () => now,
        deadlineMs: 10_000,
      })
    const [before, after] = [open('100'), open('1')]
    await before.acquire([{ limit: 'money', key: 'k', cost: dollars(30) }])
    const refused = await after.acquire([{ limit: 'money', key: 'k', cost: 1 }])
    expect(refused.limits).toMatchObject([{ allowed: false, resetMs: 60_000, retryAfterMs: 60_000 }])
    now += 60_000_000
    expect(await after.acquire([{ limit: 'money', key: 'k', cost: dollars(1) }])).toMatchObject({ allowed: true })
  })

  test('that is debt is kept in real time until it is paid, and no longer', async () => {
    stands += 1
    const own = `${prefix}-${stands}`
    const open = (limit: string) =>
      redisLimiter({
        client: redis,
        prefix: own,
        limits: { money: { algorithm: 'COST_BASED', limit, windowMs: 3_600_000, anchor: 'first_use' } },
        now: () => Date.now() * 1_000,
        deadlineMs: 10_000,
      })
    const [small, large] = [open('1'), open('10')]
    const ttl = async () => redis.pttl((await redis.keys(`${own}*money*`))[0] ?? '')
    // A row is kept to the end of a step of 16.8 s.
    const hours = async () => Math.ceil(((await ttl()) - 17_000) / 3_600_000)
    await small.reserve('a', [{ limit: 'money', key: 'k', cost: dollars(1) }], 1_000)
    await small.settle('a', { money: dollars(5) })
    expect(await hours()).toBe(5)
    // Another server's larger limit finds room, and what it takes is paid by it.
    await large.acquire([{ limit: 'money', key: 'k', cost: dollars(1) }])
    expect(await hours()).toBe(2)
    await small.acquire([{ limit: 'money', key: 'k', cost: dollars(1) }])
    expect(await hours()).toBe(2)
  })
})
