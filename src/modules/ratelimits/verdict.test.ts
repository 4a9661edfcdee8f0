import { expect, test } from 'vitest'
import { type Answer, verdictOf } from './verdict.ts'

const answer = (limitId: string, change: Partial<Answer> = {}): Answer => ({
  limitId,
  name: limitId,
  version: 1,
  key: 'global',
  mode: 'enforce',
  policy: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 1_000 },
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
const refused = { allowed: false, wouldRefuse: true }

test.each<readonly [string, readonly Answer[], object]>([
  ['nothing asked', [], { allowed: true, refusedBy: null, retryAfterMs: null, delayMs: 0 }],
  ['two that shape: the longer delay', [answer('a', { delayMs: 5 }), answer('b', { delayMs: 9 })], { allowed: true, delayMs: 9 }],
  [
    'two that refuse: the first is named, the longer wait is told, nothing is delayed',
    [answer('a', { ...refused, retryAfterMs: 5, delayMs: 1 }), answer('b', { ...refused, retryAfterMs: 9 })],
    { allowed: false, refusedBy: 'a', retryAfterMs: 9, delayMs: 0 },
  ],
  [
    'one that never will',
    [answer('a', { ...refused, retryAfterMs: 5 }), answer('b', refused)],
    { allowed: false, refusedBy: 'a', retryAfterMs: null },
  ],
  [
    'a shadow that would refuse',
    [answer('a', { mode: 'shadow', wouldRefuse: true, retryAfterMs: 5 })],
    { allowed: true, refusedBy: null, retryAfterMs: null },
  ],
])('a verdict over %s', (_name, answers, expected) => {
  expect(verdictOf(answers)).toMatchObject(expected)
})
