import { expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import { type LiveServers, liveServers } from './live-servers.ts'

describeRedis('servers that count over one Redis', () => {
  const { redis, prefix } = openRedis()

  test('know how many they are, and one that stops counts three looks longer: a share grows late, and shrinks at once', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => liveServers(redis, prefix, id)) as [LiveServers, LiveServers, LiveServers]
    expect(a.count()).toBe(1)
    for (const server of [a, b, c, a]) await server.look()
    expect([a, b, c].map((server) => server.count())).toEqual([3, 2, 3])
    await c.leave()
    await a.look()
    await a.look()
    expect(a.count()).toBe(3)
    await a.look()
    expect(a.count()).toBe(2)
  })

  test('who has said nothing for fifteen seconds is missed', async () => {
    const own = `${prefix}-late`
    const server = liveServers(redis, own, 'here')
    await redis.zadd(`${own}:servers`, Date.now() - 16_000, 'gone', Date.now() - 1_000, 'there')
    await server.look()
    expect(server.count()).toBe(2)
  })

  test('Redis away: the last count holds', async () => {
    const server = liveServers({ eval: () => Promise.reject(new Error('away')) }, prefix, 'x')
    await expect(server.look()).rejects.toThrow('away')
    expect(server.count()).toBe(1)
  })
})
