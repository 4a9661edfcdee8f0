import { expect, test } from 'vitest'
import { silent } from '../../../test/harness/database.ts'
import { counterOf } from './counter.ts'
import type { CountAsk } from './counting.ts'
import type { Policy } from './limiter/policy.ts'
import { sharedLimiter } from './shared.ts'

const policy: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 60_000 }

const ask = (limitId: string, key: string): CountAsk => ({
  limitId,
  version: 1,
  counter: counterOf(limitId, policy),
  policy,
  key,
  cost: 1,
  onUnavailable: 'closed',
  former: [],
  leased: false,
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
  const limiter = sharedLimiter({
    client: { evalsha, eval: evalsha },
    isCluster: true,
    prefix: 'late',
    now: () => 1_700_000_000_000_000,
    seed: 1,
    deadlineMs: 20,
    liveServers: () => 1,
    log: silent,
  })
  return { limiter, sent, answer: decided.resolve }
}

test('a request over several groups that is over asks no further group, and gives back what the first one lent', async () => {
  const { limiter, sent, answer } = lateCluster()
  const answers = await limiter.decide([ask('rl_own', 'tenant=a'), ask('rl_all', 'global')], { take: true })
  expect(answers).toMatchObject([
    { fits: false, degraded: true },
    { fits: false, degraded: true },
  ])
  expect(sent).toEqual([expect.stringMatching(/^lend /)])
  answer()
  await expect.poll(() => sent).toHaveLength(2)
  expect(sent[1]).toBe(sent[0]?.replace('lend', 'undo'))
})
