import { expect, test } from 'vitest'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { silent } from '../../../test/harness/database.ts'
import { describeRedis, openRedis } from '../../../test/harness/redis.ts'
import type { CountAsk } from './counting.ts'
import type { Policy } from './limiter/policy.ts'
import type { RedisClient } from './limiter/redis/client.ts'
import { sharedLimiter } from './shared.ts'

const HOUR = 3_600_000
const upTo = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: HOUR, anchor: 'first_use' })

const ask = (limitId: string, key: string, limit = 10): CountAsk => countAsk(limitId, upTo(limit), { key })
const own = ask('rl_own', 'tenant=a')
const user = ask('rl_user', 'user=b')
const all = ask('rl_all', 'global')

const overGroups = (client: RedisClient, prefix: string, deadlineMs: number) =>
  sharedLimiter({
    client,
    isCluster: true,
    prefix,
    now: () => 1_700_000_000_000_000,
    seed: 1,
    deadlineMs,
    liveServers: () => 1,
    log: silent,
  })

/** A Cluster that answers once the request has been decided without it, and the operations that it is sent, with the group of each. */
const lateCluster = () => {
  const decided = Promise.withResolvers<void>()
  const sent: string[] = []
  const evalsha = async (_hash: string, _count: number, key: string, op: string): Promise<unknown> => {
    sent.push(`${op} ${/\{(.*?)\}/.exec(key)?.[1]}`)
    await decided.promise
    // A lend's answer: allowed, five numbers of its limit, its stamp. An undo's has no stamp.
    return op === 'lend' ? [1, 1, 9, 60_000, 0, 0, 7] : [0, 1, 10, 0, 0, 0]
  }
  return { limiter: overGroups({ evalsha, eval: evalsha }, 'late', 500), sent, answer: decided.resolve }
}

test('a request over several groups that is over asks no further group, and gives back what the first one lent', async () => {
  const { limiter, sent, answer } = lateCluster()
  const answers = await limiter.decide([own, all], { take: true })
  expect(answers).toMatchObject([
    { fits: false, degraded: true },
    { fits: false, degraded: true },
  ])
  expect(sent).toEqual([expect.stringMatching(/^lend /)])
  answer()
  await expect.poll(() => sent).toHaveLength(2)
  expect(sent[1]).toBe(sent[0]?.replace('lend', 'undo'))
})

describeRedis('groups of a Cluster that answer late or not at all', () => {
  const { redis, prefix } = openRedis()

  /** A Cluster of which `through` has the say: what it does with a request to this group, and when the answer comes. */
  const stand = (
    name: string,
    deadlineMs: number,
    through: (op: string, row: string, work: () => Promise<unknown>) => unknown,
  ) => {
    const each =
      (command: 'evalsha' | 'eval'): RedisClient['eval'] =>
      async (script, count, ...args) =>
        through(args[count] ?? '', args[0] ?? '', () => redis[command](script, count, ...args))
    const limiter = overGroups({ evalsha: each('evalsha'), eval: each('eval') }, `${prefix}-${name}`, deadlineMs)
    const other = overGroups(redis, `${prefix}-${name}`, 60_000)
    const left = async (one: CountAsk) => (await other.decide([{ ...one, cost: 0 }], { take: false }))[0]?.remaining
    return { limiter, other, left }
  }

  test('where the last group answers late, all others get back what they lent', async () => {
    const decided = Promise.withResolvers<void>()
    const { limiter, left } = stand('last', 1_000, async (_op, row, work) => {
      const answer = await work()
      if (row.includes('{global}')) await decided.promise
      return answer
    })
    const answers = await limiter.decide([own, user, all], { take: true })
    expect(answers).toMatchObject([{ degraded: true }, { degraded: true }, { degraded: true }])
    expect([await left(own), await left(user)]).toEqual([9, 9])
    decided.resolve()
    await expect.poll(async () => [await left(own), await left(user)]).toEqual([10, 10])
    expect(await left(all)).toBe(9)
  })

  test('where one group cannot be given back to, the others get theirs once, and what others took stays taken', async () => {
    const { limiter, other, left } = stand('undo', 60_000, (op, row, work) => {
      if (op === 'undo' && row.includes('{tenant=a}')) throw new Error('its server is gone')
      return work()
    })
    const none = ask('rl_none', 'global', 0)
    for (let n = 0; n < 3; n += 1) await other.decide([user], { take: true })
    await limiter.decide([own, user, none], { take: true })
    expect(await left(user)).toBe(7)
  })
})
