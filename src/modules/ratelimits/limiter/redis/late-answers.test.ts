import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Policy } from '../policy.ts'
import { microseconds } from '../sources.ts'
import { redisLimiter } from './limiter.ts'

const limits: Record<string, Policy> = {
  bucket: { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 10, perMs: 60_000 } },
  month: { algorithm: 'FIXED_WINDOW', limit: 10, anchor: { unit: 'month', timeZone: 'UTC' } },
}

/** A server that answers once the request has been decided without it, and what it is sent for one request. */
const requestsTo = async (limit: string, late: () => unknown) => {
  const sent: string[] = []
  const decided = Promise.withResolvers<void>()
  const answer = (command: string) => async () => {
    sent.push(command)
    await decided.promise
    return late()
  }
  const client = { evalsha: answer('EVALSHA'), eval: answer('EVAL') }
  const limiter = redisLimiter({ client, limits, now: () => Date.now() * 1_000, deadlineMs: 250 })
  const decision = await limiter.acquire([{ limit, key: 'k' }])
  decided.resolve()
  await sleep(20)
  return { decision, sent }
}

test.each<[string, string, () => unknown]>([
  ['that the other script is to be asked', 'bucket', () => null],
  ['that it does not know the script', 'bucket', () => Promise.reject(new Error('NOSCRIPT no such script'))],
  ['that its clock is ahead of the calendar that was sent', 'month', () => [-1, 4_102_444_800_000_000]],
])('a late answer, %s, has nothing further sent for it', async (_, limit, late) => {
  const { decision, sent } = await requestsTo(limit, late)
  expect(decision).toMatchObject({ allowed: true, degraded: true })
  expect(sent).toEqual(['EVALSHA'])
})

const work = (ms: number): void => {
  for (const until = performance.now() + ms; performance.now() < until; );
}

test('a process that is busy for longer than the deadline does not take its server, which answers soon, for gone', async () => {
  const evalsha = () => sleep(50, 0)
  const limiter = redisLimiter({ client: { evalsha, eval: evalsha }, limits, now: microseconds, deadlineMs: 200 })
  const one = () => limiter.acquire([{ limit: 'bucket', key: 'k' }])
  await one()
  const answers = Array.from({ length: 10 }, () => {
    work(25)
    return one()
  })
  expect((await Promise.all(answers)).filter(({ degraded }) => degraded)).toEqual([])
})
