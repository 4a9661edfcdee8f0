import { describe, expect, test } from 'vitest'
import { type ConcurrencyOptions, concurrencyLimiter } from './memory.ts'

const START_MS = 19_675 * 86_400_000

const stand = (options: Partial<ConcurrencyOptions> = {}) => {
  let ms = START_MS
  const limiter = concurrencyLimiter({ limits: { agents: 2, site: 3 }, holderTtlMs: 1_000, now: () => ms * 1_000, ...options })
  return {
    limiter,
    wait: (time: number) => {
      ms += time
    },
    ask: (id: string, holder = 'a', key = 't1', cost = 1) =>
      limiter.tryAcquireAll(
        [
          { limit: 'agents', key, cost },
          { limit: 'site', key: 'all', cost },
        ],
        { id, holder },
      ),
  }
}

describe('what is in flight', () => {
  test('is held to each limit, all of a request or nothing', () => {
    const { limiter, ask } = stand()
    expect(ask('1').limits.map(({ remaining }) => remaining)).toEqual([1, 2])
    expect(ask('2').allowed).toBe(true)
    expect(ask('3')).toMatchObject({ allowed: false, limits: [{ allowed: false, retryAfterMs: 1_000 }, { allowed: true }] })
    expect(limiter.inFlight('site', 'all')).toBe(2)
    expect(ask('4', 'a', 't2').allowed).toBe(true)
    expect(ask('5', 'a', 't3')).toMatchObject({ allowed: false, limits: [{ allowed: true }, { allowed: false }] })
  })

  test('never waits for what will never fit', () => {
    expect(stand().ask('1', 'a', 't1', 3).limits[0]).toMatchObject({ allowed: false, retryAfterMs: Number.POSITIVE_INFINITY })
  })

  test('is looked at with a cost of 0, which makes no lease: its id may hold a place afterwards', () => {
    const { limiter, ask } = stand({ maxLeases: 2 })
    const look = () => limiter.tryAcquireAll([{ limit: 'agents', key: 't1', cost: 0 }], { id: '1', holder: 'a' })
    expect(look()).toMatchObject({ allowed: true, limits: [{ remaining: 2 }] })
    expect(limiter.inFlight('agents', 't1')).toBe(0)
    expect(limiter.renew('a')).toBe(0)
    expect(ask('1').allowed).toBe(true)
    expect(look()).toMatchObject({ allowed: true, limits: [{ remaining: 1 }] })
    expect(ask('2').allowed).toBe(true)
    expect(look()).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
    expect(limiter.tryAcquireAll([], { id: '3', holder: 'a' })).toEqual({ allowed: true, limits: [] })
  })

  test('is held to the number of its own key where a request tells one', () => {
    const { limiter } = stand()
    const ask = (id: string, most: number) => limiter.tryAcquireAll([{ limit: 'agents', key: 't1', most }], { id, holder: id })
    expect([ask('1', 3), ask('2', 3), ask('3', 3)].map(({ allowed }) => allowed)).toEqual([true, true, true])
    expect(ask('4', 3)).toMatchObject({ allowed: false, limits: [{ remaining: 0 }] })
    expect(ask('4', 5)).toMatchObject({ allowed: true, limits: [{ remaining: 1 }] })
    expect(ask('1', 1)).toMatchObject({ allowed: true, limits: [{ remaining: 0 }] })
    expect(() => ask('5', 1.5)).toThrow(RangeError)
  })

  test('of one key ends when that is reset, and nothing else does', () => {
    const { limiter, ask } = stand({ limits: { agents: 2, site: 5 } })
    for (const [id, key] of [
      ['1', 't1'],
      ['2', 't1'],
      ['3', 't2'],
    ] as const)
      ask(id, 'a', key)
    expect(limiter.reset('agents', 't1')).toBe(2)
    expect([limiter.inFlight('agents', 't1'), limiter.inFlight('agents', 't2'), limiter.inFlight('site', 'all')]).toEqual([
      0, 1, 1,
    ])
    expect([limiter.reset('agents', 't1'), limiter.renew('a')]).toEqual([0, 1])
  })

  test('follows a limit that changes at once, and keeps what is held above it', () => {
    const { limiter, ask } = stand()
    ask('1')
    ask('2')
    limiter.setLimit('agents', 1)
    limiter.release('1')
    expect(ask('3')).toMatchObject({ allowed: false, limits: [{ remaining: 0 }, {}] })
    limiter.release('2')
    expect(ask('3').allowed).toBe(true)
  })
})

describe('a lease', () => {
  test('is released once, however often that is asked', () => {
    const { limiter, ask } = stand()
    ask('1')
    ask('2')
    expect([limiter.release('1'), limiter.release('1'), limiter.release('never')]).toEqual([true, false, false])
    expect(limiter.inFlight('agents', 't1')).toBe(1)
  })

  test('is held once, however often it is asked for', () => {
    const { limiter, ask } = stand()
    for (let i = 0; i < 5; i += 1) expect(ask('1').allowed).toBe(true)
    expect(limiter.inFlight('agents', 't1')).toBe(1)
  })

  test('ends with its holder, and its late release takes nothing from those who came after', () => {
    const { limiter, ask, wait } = stand()
    ask('1', 'dead')
    ask('2', 'alive')
    wait(999)
    expect(limiter.renew('alive')).toBe(1)
    expect(ask('3').allowed).toBe(false)
    wait(1)
    expect(ask('3').allowed).toBe(true)
    expect(limiter.release('1')).toBe(false)
    expect(limiter.inFlight('agents', 't1')).toBe(2)
    expect(limiter.renew('dead')).toBe(0)
  })

  test('ends at once when its holder is known to be gone', () => {
    const { limiter, ask } = stand()
    ask('1', 'closed')
    ask('2', 'closed')
    expect(limiter.drop('closed')).toBe(2)
    expect(limiter.inFlight('agents', 't1')).toBe(0)
  })

  test('that a living holder forgot ends too', () => {
    const { limiter, ask, wait } = stand({ leaseTtlMs: 2_500 })
    ask('1')
    for (let i = 0; i < 5; i += 1) {
      wait(500)
      limiter.renew('a')
    }
    expect(limiter.inFlight('agents', 't1')).toBe(0)
  })

  test('beyond the most that are remembered is refused', () => {
    const { ask } = stand({ maxLeases: 1 })
    ask('1')
    expect(ask('2', 'a', 't2').allowed).toBe(false)
  })
})

test('mistakes are told in words, and hold nothing', () => {
  const { limiter, ask } = stand()
  const lease = { id: '1', holder: 'a' }
  expect(() => ask('1', 'a', 't1', -1)).toThrow(RangeError)
  expect(() => limiter.tryAcquireAll([{ limit: 'that', key: 'k' }], lease)).toThrow(
    "there is no limit 'that'; there are agents, site",
  )
  const twice = { limit: 'agents', key: 'k' }
  expect(() => limiter.tryAcquireAll([twice, twice], lease)).toThrow(/stands twice/)
  expect(() => limiter.setLimit('agents', -1)).toThrow(RangeError)
  expect(() => stand({ holderTtlMs: 0 })).toThrow(RangeError)
  expect(limiter.inFlight('site', 'all')).toBe(0)
})
