import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Policy } from '../policy.ts'
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
  const limiter = redisLimiter({ client, limits, now: () => Date.now() * 1_000, deadlineMs: 20 })
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
