import { expect, test } from 'vitest'
import type { Policy } from './limiter/policy.ts'
import { toldFields } from './told-fields.ts'
import { type Answer, verdictOf } from './verdict.ts'

const window = (limit: number, windowMs: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs })

const answer = (limitId: string, policy: Policy, change: Partial<Answer> = {}): Answer => ({
  limitId,
  name: 'Aufrufe/日',
  version: 1,
  key: 'global',
  mode: 'enforce',
  policy,
  allowed: true,
  wouldRefuse: false,
  limit: 1,
  remaining: 1,
  resetMs: 0,
  retryAfterMs: null,
  delayMs: 0,
  degraded: false,
  ...change,
})
const refused = (retryAfterMs: number | null) => ({ allowed: false, wouldRefuse: true, remaining: 0, retryAfterMs })
const told = (answers: readonly Answer[], random = 0) => toldFields(verdictOf(answers), random)

// Cases HD01 and HD02 (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4).
test('policies are told by quota and window, and what is left by the seconds, rounded up, until there is more', () => {
  const burst = answer('rl_burst', window(100, 60_000), { remaining: 50, resetMs: 29_100 })
  const daily = answer('rl_daily', window(1_000, 86_400_000), { remaining: 999, resetMs: 1 })
  expect(told([burst, daily])).toEqual({
    lists: {
      rateLimitPolicy: '"rl_burst";q=100;w=60,"rl_daily";q=1000;w=86400',
      rateLimit: '"rl_burst";r=50;t=30,"rl_daily";r=999;t=1',
    },
    retryAfter: undefined,
  })
})

test('what refuses comes first, and ten limits at most are told', () => {
  const many = Array.from({ length: 12 }, (_, at) => answer(`rl_${at}`, window(1, 1_000), at === 11 ? refused(500) : {}))
  const items = told(many).lists?.rateLimit.split(',')
  expect(items).toHaveLength(10)
  expect(items?.slice(0, 2)).toEqual(['"rl_11";r=0;t=1', '"rl_0";r=1'])
})

test.each<readonly [string, readonly Answer[], number, number | undefined]>([
  ['nothing refuses', [answer('a', window(1, 1))], 0, undefined],
  ['the longest wait, rounded up', [answer('a', window(1, 1), refused(100)), answer('b', window(1, 1), refused(2_001))], 0, 3],
  ['a second of jitter at least', [answer('a', window(1, 1), refused(2_000))], 0.999, 3],
  ['a tenth of a long wait', [answer('a', window(1, 1), refused(100_000))], 0.5, 105],
  ['no wait helps', [answer('a', window(1, 1), refused(null))], 0, undefined],
  [
    'one of spend, which the fields cannot tell of',
    [answer('a', { algorithm: 'COST_BASED', limit: '1', windowMs: 1 }, { ...refused(9_000), remaining: '0' })],
    0,
    9,
  ],
])('Retry-After: %s', (_name, answers, random, seconds) => {
  expect(told(answers, random).retryAfter).toBe(seconds)
})

test('of shadows and of money nothing is told', () => {
  const shadow = answer('a', window(1, 1_000), { mode: 'shadow', wouldRefuse: true, retryAfterMs: 5_000 })
  const money = answer('b', { algorithm: 'COST_BASED', limit: '1', windowMs: 1 }, { remaining: '1' })
  expect(told([shadow, money])).toEqual({ lists: undefined, retryAfter: undefined })
})
