import { expect, test } from 'vitest'
import { farRedis } from '../../../test/harness/far-redis.ts'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import { inProcessAgentPlaces, sharedAgentPlaces } from './agent-places.ts'
import { concurrentAgents } from './concurrent-agents.ts'
import { microseconds } from './limiter/sources.ts'

describeRedis('agents, when Redis is slow or gone', () => {
  const { prefix } = openRedis()
  let stands = 0

  const stand = async (limit: number) => {
    stands += 1
    const { line, client } = await farRedis()
    const heard = { refused: 0, degraded: 0 }
    const agents = concurrentAgents({
      places: sharedAgentPlaces({
        client,
        deadlineMs: 250,
        prefix: `${prefix}-${stands}`,
        now: microseconds,
        seed: stands,
        liveServers: () => 3,
      }),
      numbers: { of: () => limit },
      waitMs: 250,
      refused: () => {
        heard.refused += 1
      },
      degraded: () => {
        heard.degraded += 1
      },
      random: () => 0,
    })
    // The first answer in a process takes its time.
    await expect.poll(async () => (await agents.look('tnt_1')).degraded).toBe(false)
    heard.degraded = 0
    return { line, heard, hold: (agentId: string) => agents.hold('tnt_1', agentId), agents }
  }

  test('go on where they run, and begin within a share of the plan; it is told', async () => {
    const { line, hold, heard } = await stand(3)
    for (const id of ['one', 'two', 'three']) expect(await hold(id)).toMatchObject({ allowed: true, degraded: false })
    line.hold()
    expect(await hold('two')).toMatchObject({ allowed: true, degraded: true, renewWithinMs: 60_000 })
    expect(await hold('four')).toMatchObject({ allowed: true, degraded: true })
    expect(await hold('five')).toMatchObject({ allowed: false, degraded: true, retryAfterMs: 5_000 })
    expect(heard).toEqual({ refused: 1, degraded: 3 })
    line.letGo()
    await expect.poll(() => hold('one'), { timeout: 20_000 }).toMatchObject({ allowed: true, degraded: false })
    expect(await hold('four')).toMatchObject({ allowed: false, degraded: false })
  })

  test('cannot be counted, freed or said to have ended, and that is told in words', async () => {
    const { line, hold, agents } = await stand(1)
    await hold('one')
    await line.cut()
    for (const told of [agents.usage('tnt_1'), agents.reset('tnt_1'), agents.release('tnt_1', 'one')])
      await expect(told).rejects.toMatchObject({ kind: 'unavailable', code: 'rate_limit_counts_unreachable' })
  })
})

test('a plan without agents lets none run, and tells no time to come back', async () => {
  const agents = concurrentAgents({
    places: inProcessAgentPlaces(microseconds),
    numbers: { of: () => 0 },
    waitMs: 250,
    refused: () => {},
    degraded: () => {},
    random: () => 0,
  })
  const answer = await agents.hold('tnt_1', 'one')
  expect(answer).toMatchObject({ allowed: false, limit: 0, retryAfterMs: null })
  expect(agents.told(answer)).toMatchObject({ retryAfter: undefined, lists: { rateLimit: '"concurrent_agents";r=0' } })
})
