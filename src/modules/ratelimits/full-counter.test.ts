import { expect, test } from 'vitest'
import { countAsk } from '../../../test/factories/count-ask.ts'
import { inProcessLimiter } from './in-process.ts'
import type { Policy } from './limiter/policy.ts'

const HOUR = 3_600_000

/** Sixteen keys are held at most. */
const stand = () => {
  let now = 1_700_000_000_000_000
  const limiter = inProcessLimiter({ now: () => now, seed: 1, maxKeys: 16 })
  return {
    wait: (ms: number) => {
      now += ms * 1_000
    },
    async fits(policy: Policy, key: string, cost = 1): Promise<boolean> {
      return (await limiter.decide([countAsk('rl_1', policy, { key, cost })], { take: true }))[0]?.fits ?? false
    },
  }
}

test.each<readonly [string, Policy, Policy]>([
  [
    'windows',
    { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: HOUR },
    { algorithm: 'FIXED_WINDOW', limit: 10_000, windowMs: HOUR },
  ],
  [
    'sliding windows',
    { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: HOUR },
    { algorithm: 'SLIDING_WINDOW', limit: 10_000, windowMs: HOUR },
  ],
  [
    'buckets',
    { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, perMs: HOUR } },
    { algorithm: 'TOKEN_BUCKET', capacity: 10_000, refill: { tokens: 1, perMs: HOUR } },
  ],
  [
    'spend',
    { algorithm: 'COST_BASED', limit: '0.00000000001', windowMs: HOUR },
    { algorithm: 'COST_BASED', limit: '0.00000001', windowMs: HOUR },
  ],
])('a key that is used up is not let go for those that another policy over the same %s allows more', async (_name, few, many) => {
  const { fits } = stand()
  let served = 0
  const useUp = async () => {
    for (let n = 0; n < 20; n += 1) if (await fits(few, 'tenant=few')) served += 1
  }
  await useUp()
  for (let round = 0; round < 20; round += 1) {
    for (let k = 0; k < 40; k += 1) await fits(many, `tenant=many-${round}-${k}`, 30)
    await fits(many, `tenant=once-${round}`)
    await useUp()
  }
  expect(served).toBe(10)
})

const window = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: HOUR })

test('a key that one of its policies has used up stays, though it was asked for under another last', async () => {
  const { fits } = stand()
  for (let n = 0; n < 10; n += 1) expect(await fits(window(10), 'tenant=a')).toBe(true)
  expect(await fits(window(10_000), 'tenant=a')).toBe(true)
  for (let k = 0; k < 400; k += 1) await fits(window(10_000), `tenant=${k}`, 30)
  await fits(window(10_000), 'tenant=once')
  expect(await fits(window(10), 'tenant=a')).toBe(false)
})

test('a smaller limit of another tenant keeps no key that has room, and holds none beyond its window', async () => {
  const { fits, wait } = stand()
  expect(await fits(window(1), 'tenant=one')).toBe(true)
  for (let k = 0; k < 400; k += 1) expect(await fits(window(10_000), `tenant=${k}`)).toBe(true)
  wait(HOUR)
  for (let k = 0; k < 16; k += 1) expect(await fits(window(1), `tenant=first-${k}`)).toBe(true)
  expect(await fits(window(10_000), 'tenant=late')).toBe(false)
  wait(HOUR)
  // Each is asked for under a larger limit alone since its window ended.
  for (let k = 0; k < 16; k += 1) expect(await fits(window(10_000), `tenant=first-${k}`)).toBe(true)
  expect(await fits(window(10_000), 'tenant=late')).toBe(true)
})
