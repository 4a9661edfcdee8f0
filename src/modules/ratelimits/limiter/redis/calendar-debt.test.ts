import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../../test/harness/redis.ts'
import type { CalendarUnit } from '../cores/calendar.ts'
import { memoryLimiter } from '../memory/limiter.ts'
import type { Policy } from '../policy.ts'
import { redisLimiter } from './limiter.ts'

const dollars = (n: number): number => n * 1_000_000_000_000
const at = (iso: string): number => Temporal.Instant.from(iso).epochMilliseconds * 1_000
const spend = (unit: CalendarUnit, timeZone: string): Policy => ({
  algorithm: 'COST_BASED',
  limit: '1',
  anchor: { unit, timeZone },
})
const ask = (cost: number) => [{ limit: 'money', key: 'k', cost }]

/** Of which window on nothing is owed: from one instant to the next, the windows' ends between. */
const CASES: readonly (readonly [CalendarUnit, string, string, number, string])[] = [
  ['month', 'UTC', '2026-01-15T00:00:00Z', 13, '2027-02-01T00:00:00Z'],
  ['month', 'Europe/Berlin', '2026-02-15T00:00:00Z', 4, '2026-05-31T22:00:00Z'],
  ['week', 'Europe/Berlin', '2026-03-25T00:00:00Z', 3, '2026-04-12T22:00:00Z'],
  ['day', 'Europe/Berlin', '2026-10-24T12:00:00Z', 3, '2026-10-26T23:00:00Z'],
  ['hour', 'Europe/Berlin', '2026-10-24T22:30:00Z', 5, '2026-10-25T03:00:00Z'],
  ['minute', 'UTC', '2026-01-01T00:00:30Z', 12, '2026-01-01T00:12:00Z'],
]

describeRedis('debt by the calendar', () => {
  const { redis, prefix } = openRedis()
  let stands = 0
  const stand = (policy: Policy, start: number) => {
    stands += 1
    let now = start
    const limits = { money: policy }
    const shared = redisLimiter({
      client: redis,
      prefix: `${prefix}-${stands}`,
      limits,
      now: () => now,
      serverTime: () => now,
      deadlineMs: 10_000,
    })
    const memory = memoryLimiter({ limits, now: () => now, seed: 1 })
    return {
      travelTo: (time: number) => {
        now = time
      },
      async owe(spent: number) {
        memory.tryReserve('r', ask(dollars(1)), 1_000)
        memory.settle('r', { money: dollars(spent) })
        await shared.reserve('r', ask(dollars(1)), 1_000)
        await shared.settle('r', { money: dollars(spent) })
      },
      /** What both say. */
      async acquire(cost: number) {
        const decision = memory.tryAcquireAll(ask(cost))
        expect(await shared.acquire(ask(cost))).toEqual(decision)
        return decision.limits[0]
      },
    }
  }

  test.each(CASES)(
    'of each %s of %s from %s on, %d spent of 1: told exactly, paid then, whether or not somebody looked',
    async (unit, timeZone, from, spent, paid) => {
      for (const looks of [0, 3, 40]) {
        const { owe, acquire, travelTo } = stand(spend(unit, timeZone), at(from))
        await owe(spent)
        for (let i = 0; i <= looks; i += 1) {
          const now = at(from) + Math.floor(((at(paid) - at(from) - 1_000) * i) / Math.max(looks, 1) / 1_000) * 1_000
          travelTo(now)
          const waitMs = (at(paid) - now) / 1_000
          expect(await acquire(dollars(1))).toMatchObject({ allowed: false, resetMs: waitMs, retryAfterMs: waitMs })
        }
        travelTo(at(paid) - 1_000)
        expect(await acquire(dollars(1))).toMatchObject({ allowed: false, retryAfterMs: 1 })
        travelTo(at(paid))
        expect(await acquire(dollars(1))).toMatchObject({ allowed: true, remaining: 0 })
      }
    },
  )

  test('of more than a year is told to a few days, and paid to the window', async () => {
    const start = at('2026-01-15T00:00:00Z')
    const { owe, acquire, travelTo } = stand(spend('month', 'UTC'), start)
    await owe(300)
    const paid = at('2051-01-01T00:00:00Z')
    const told = (await acquire(dollars(1)))?.retryAfterMs ?? 0
    expect(Math.abs(told - (paid - start) / 1_000)).toBeLessThan(3 * 86_400_000)
    travelTo(paid - 1_000)
    expect(await acquire(dollars(1))).toMatchObject({ allowed: false, retryAfterMs: 1 })
    travelTo(paid)
    expect(await acquire(dollars(1))).toMatchObject({ allowed: true })
  })

  test('is kept in real time until it is paid', async () => {
    stands += 1
    const own = `${prefix}-${stands}`
    const limits = { money: spend('month', 'Europe/Berlin') }
    const shared = redisLimiter({ client: redis, prefix: own, limits, now: () => Date.now() * 1_000, deadlineMs: 10_000 })
    await shared.reserve('r', ask(dollars(1)), 1_000)
    await shared.settle('r', { money: dollars(40) })
    const owed = await shared.acquire(ask(dollars(1)))
    expect(owed.limits[0]?.resetMs).toBeGreaterThan(39 * 28 * 86_400_000)
    const [key = ''] = await redis.keys(`${own}*money*`)
    expect(await redis.pttl(key)).toBeGreaterThan((owed.limits[0]?.resetMs ?? 0) + 3 * 86_400_000)
  })
})
