import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asksFor, changedLimit, type Said } from '../../../test/factories/changed-limit.ts'
import { silent } from '../../../test/harness/database.ts'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import type { Tier } from '../catalog/index.ts'
import type { Limiter } from './counting.ts'
import { inProcessLimiter } from './in-process.ts'
import type { Override } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import { sharedLimiter } from './shared.ts'

const HOUR = 3_600_000
const START_MS = 1_000_000
/** A hundred in so many hours from the first use. */
const hours = (count: number, limit = 100): Policy => ({
  algorithm: 'FIXED_WINDOW',
  limit,
  windowMs: count * HOUR,
  anchor: 'first_use',
})
const on = (endpoint: string, policy: Policy | null): Override => ({ match: { endpoint }, policy })
const ofTenant = (tenantId: string, policy: Policy): Override => ({ match: { tenantId }, policy })
const ofTier = (tier: Tier, policy: Policy): Override => ({ match: { tier }, policy })

/** Servers that count together, one unless more are asked for, and a limit of theirs that says one thing after the other. */
const stand = (serversAt: (now: () => number) => readonly Limiter[]) => {
  let ms = START_MS
  const servers = serversAt(() => ms * 1_000)
  const said: Said[] = []
  /** By the version of this number, the last unless told; of tenant `a`. */
  const ask = async (
    endpoint: string,
    cost = 0,
    {
      tenantId = 'a',
      version = said.length,
      server = 0,
      tier,
    }: { tenantId?: string; version?: number; server?: number; tier?: Tier } = {},
  ) => {
    const limit = changedLimit('rl_1', said.slice(0, version))
    const asks = asksFor(limit, { tenantId, endpoint }, { atMs: ms, cost, ...(tier && { tier }) })
    const [answer] = (await servers[server]?.decide(asks, { take: true })) ?? []
    return answer?.remaining
  }
  return {
    ask,
    says: (policy: Policy, ...overrides: readonly Override[]) => said.push({ policy, overrides, sinceMs: ms }),
    leases: (policy: Policy) => said.push({ policy, leased: true, sinceMs: ms }),
    travel: (by: number) => {
      ms += by
    },
  }
}

type Stand = () => ReturnType<typeof stand>

const heldBy = (begin: Stand): void => {
  test.each([['chat', 'list'] as const, ['list', 'chat'] as const])(
    'a counter that is still named stays where it is, if %s is asked first or %s',
    async (...order) => {
      const { says, ask } = begin()
      says(hours(1), on('chat', hours(2, 50)))
      expect([await ask('list', 60), await ask('chat', 5)]).toEqual([40, 45])
      says(hours(3), on('chat', hours(2, 50)))
      const left = { list: 40, chat: 45 }
      for (const endpoint of order) expect(await ask(endpoint)).toBe(left[endpoint])
      says(hours(3), on('chat', hours(4, 50)))
      for (const endpoint of order) expect(await ask(endpoint)).toBe(left[endpoint])
    },
  )

  test.each([['chat', 'list'] as const, ['list', 'chat'] as const])(
    'of several that are not, each goes with its own policy, if %s is asked first or %s',
    async (...order) => {
      const { says, ask } = begin()
      says(hours(1), on('chat', hours(2, 50)), on('e*', hours(3)))
      expect([await ask('list', 60), await ask('chat', 5), await ask('embed', 7)]).toEqual([40, 45, 93])
      says(hours(6, 80), on('e*', hours(5)), on('chat', hours(4, 50)))
      const left = { list: 20, chat: 45 }
      for (const endpoint of order) expect(await ask(endpoint)).toBe(left[endpoint])
      expect(await ask('embed')).toBe(93)
    },
  )

  test('of an override that is gone, what was taken goes with the requests that it was about', async () => {
    const { says, ask } = begin()
    says(hours(1), on('chat', hours(2, 50)))
    expect([await ask('list', 60), await ask('chat', 5)]).toEqual([40, 45])
    says(hours(1), on('embed', hours(3)))
    expect(await ask('embed')).toBe(100)
    expect(await ask('list')).toBe(40)
    expect([await ask('chat'), await ask('list')]).toEqual([35, 35])
  })

  test.each([['chat', 'list'] as const, ['list', 'chat'] as const])(
    'of a limit that was leased, an override that counts in its former windows keeps its counts, if %s is asked first or %s',
    async (...order) => {
      const { says, leases, ask } = begin()
      leases(hours(1))
      says(hours(2), on('chat', hours(1, 50)))
      const left = { list: 40, chat: 20 }
      expect([await ask('chat', 30), await ask('list', 60)]).toEqual([20, 40])
      for (const endpoint of order) expect(await ask(endpoint)).toBe(left[endpoint])
    },
  )

  test('an override for a whole key takes what the key took before with it, and gives it back; others keep theirs', async () => {
    const { says, ask } = begin()
    says(hours(1))
    expect([await ask('list', 60), await ask('list', 30, { tenantId: 'b' })]).toEqual([40, 70])
    says(hours(1), ofTenant('a', hours(2, 80)))
    expect([await ask('list', 5), await ask('list', 0, { tenantId: 'b' })]).toEqual([15, 70])
    says(hours(1))
    expect([await ask('list'), await ask('list', 0, { tenantId: 'b' })]).toEqual([35, 70])
  })

  test('so does one for the tier that the tenant is of; of another tier all stays', async () => {
    const { says, ask } = begin()
    says(hours(1))
    expect([await ask('list', 60), await ask('list', 30, { tenantId: 'b' })]).toEqual([40, 70])
    says(hours(1), ofTier('PRO', hours(2, 80)))
    expect([await ask('list', 0, { tier: 'PRO' }), await ask('list', 0, { tenantId: 'b', tier: 'FREE' })]).toEqual([20, 70])
  })

  test('a new override for some of the requests of a key begins anew: what was taken is not known to be of those', async () => {
    const { says, ask } = begin()
    says(hours(1))
    expect(await ask('list', 60)).toBe(40)
    says(hours(1), on('chat', hours(2, 50)))
    expect([await ask('chat'), await ask('list')]).toEqual([50, 40])
    says(hours(3), on('chat', hours(2, 50)), on('embed', hours(4, 70)))
    expect([await ask('embed'), await ask('list')]).toEqual([70, 40])
  })

  test("what an override shared with the limit's own policy goes with that one, whoever asks first", async () => {
    const { says, ask } = begin()
    says(hours(1), on('chat', hours(1, 50)))
    expect([await ask('list', 40), await ask('chat', 5)]).toEqual([60, 5])
    says(hours(2), on('chat', hours(3, 50)))
    expect([await ask('chat'), await ask('list')]).toEqual([50, 55])
  })

  test('what became of another algorithm begins anew, and takes nothing from beside it', async () => {
    const { says, ask } = begin()
    says(hours(1), on('chat', hours(2, 50)))
    expect([await ask('list', 60), await ask('chat', 5)]).toEqual([40, 45])
    says({ algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: HOUR }, on('chat', hours(3, 50)))
    expect([await ask('chat'), await ask('list')]).toEqual([45, 100])
  })

  test('what a key took two versions ago comes along, also where it asked nothing in between', async () => {
    const { says, ask } = begin()
    says(hours(1), on('chat', hours(2, 50)))
    expect([await ask('list', 60), await ask('chat', 5)]).toEqual([40, 45])
    says(hours(3), on('chat', hours(4, 50)))
    says(hours(5), on('chat', hours(6, 50)))
    expect([await ask('chat'), await ask('list')]).toEqual([45, 40])
  })

  test('what a server that has yet to hear of the change takes comes along as well, for two seconds', async () => {
    const { says, ask, travel } = begin()
    says(hours(1))
    await ask('list', 60)
    says(hours(2))
    expect(await ask('list')).toBe(40)
    await ask('list', 3, { version: 1 })
    travel(1_000)
    expect(await ask('list')).toBe(37)
    await ask('list', 4, { version: 1 })
    travel(1_000)
    expect([await ask('list'), await ask('list', 1)]).toEqual([33, 32])
  })
}

describe('in one process', () => {
  const begin = () => stand((now) => [inProcessLimiter({ now, seed: 1 })])
  heldBy(begin)

  test('over any versions, what a key has taken stands somewhere, once', async () => {
    const policy = fc.constantFrom(1, 2, 3, 4).map((count) => hours(count, 1_000))
    const match = fc.constantFrom(
      { endpoint: 'chat' },
      { endpoint: 'e*' },
      { tenantId: 'a' },
      { tenantId: 'a', endpoint: 'list' },
    )
    const overrides = fc.uniqueArray(fc.record({ match, policy }), { selector: ({ match: of }) => of, maxLength: 3 })
    const ENDPOINTS = ['chat', 'embed', 'list', 'other'] as const
    const asked = fc.record({ endpoint: fc.constantFrom(...ENDPOINTS), cost: fc.nat(9) })
    const version = fc.record({ policy, overrides, asks: fc.array(asked, { maxLength: 4 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(version, { minLength: 1, maxLength: 8 }), async (versions) => {
        const limiter = inProcessLimiter({ now: () => START_MS * 1_000, seed: 1 })
        const said: Said[] = []
        let taken = 0
        const ask = async (endpoint: string, cost: number) => {
          const asks = asksFor(changedLimit('rl_1', said), { tenantId: 'a', endpoint }, { atMs: START_MS, cost })
          const [answer] = await limiter.decide(asks, { take: true })
          return asks.map(({ counter }) => [counter, 1_000 - (answer?.remaining ?? 0)] as const)
        }
        for (const { asks, ...says } of versions) {
          said.push({ ...says, sinceMs: START_MS })
          for (const { endpoint, cost } of asks) {
            await ask(endpoint, cost)
            taken += cost
          }
        }
        for (const endpoint of ENDPOINTS) await ask(endpoint, 0)
        const stands = new Map((await Promise.all(ENDPOINTS.map((endpoint) => ask(endpoint, 0)))).flat())
        const kept = [...stands.values()].reduce((sum, used) => sum + used, 0)
        expect(kept).toBe(taken)
      }),
      { numRuns: 300 },
    )
  })
})

describeRedis('over Redis', () => {
  const { redis, prefix } = openRedis()
  let stands = 0
  const begin = ({ aheadMs = 0 } = {}) => {
    stands += 1
    const server = (told: () => number): Limiter => {
      const now = () => told() + aheadMs * 1_000
      return sharedLimiter({
        client: redis,
        isCluster: false,
        prefix: `${prefix}-${stands}`,
        now,
        serverTime: now,
        seed: 1,
        deadlineMs: 60_000,
        liveServers: () => 1,
        log: silent,
      })
    }
    return stand((now) => [server(now), server(now)])
  }
  heldBy(begin)

  test.each([-10, 60])(
    'a key goes along as long as it must, where the clock that runs evenly is %i minutes ahead',
    async (minutes) => {
      const { says, ask, travel } = begin({ aheadMs: minutes * 60_000 })
      says(hours(1))
      says(hours(2))
      expect(await ask('chat', 1)).toBe(99)
      travel(1_000)
      expect(await ask('chat', 10, { version: 1, server: 1 })).toBe(100 - 10)
      expect(await ask('chat')).toBe(100 - 11)
      travel(1_000)
      expect(await ask('chat')).toBe(100 - 11)
      expect(await ask('chat', 10, { version: 1, server: 1 })).toBe(100 - 10)
      expect(await ask('chat')).toBe(100 - 11)
    },
  )

  test('two servers take a key along once, also one that has not counted under the version before', async () => {
    const { says, ask, travel } = begin()
    says(hours(1), on('chat', hours(2, 50)))
    expect([await ask('list', 60), await ask('chat', 5)]).toEqual([40, 45])
    says(hours(3), on('chat', hours(4, 50)))
    travel(5_000)
    expect([await ask('chat', 0, { server: 1 }), await ask('list', 0, { server: 1 })]).toEqual([45, 40])
    expect([await ask('chat', 1), await ask('list', 1)]).toEqual([44, 39])
    expect([await ask('chat', 0, { server: 1 }), await ask('list', 0, { server: 1 })]).toEqual([44, 39])
  })
})
