import type { PublishedCase } from './case.ts'

export const SLIDING_WINDOW_CASES: readonly PublishedCase[] = [
  {
    id: 'SW01',
    source: 'unkeyed/unkey:internal/services/ratelimit/ratelimit_test.go TestRatelimit_SlidingWindowDecision',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60000, approximate: true },
    windows: [0, 0],
    steps: [[0, 1, true, 9]],
  },
  {
    id: 'SW02',
    source: 'unkeyed/unkey:internal/services/ratelimit/ratelimit_test.go TestRatelimit_SlidingWindowDecision',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60000, approximate: true },
    windows: [9, 0],
    steps: [[0, 1, true, 0]],
  },
  {
    id: 'SW03',
    source: 'unkeyed/unkey:internal/services/ratelimit/ratelimit_test.go TestRatelimit_SlidingWindowDecision',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60000, approximate: true },
    windows: [10, 0],
    steps: [[0, 0, true, 0]],
  },
  {
    id: 'SW05',
    source: 'unkeyed/unkey:internal/services/ratelimit/ratelimit_test.go TestRatelimit_SlidingWindowDecision',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60000, approximate: true },
    windows: [5, 10],
    steps: [[30000, 1, false, 0]],
  },
  {
    id: 'SW06',
    source: 'unkeyed/unkey:internal/services/ratelimit/ratelimit_test.go TestRatelimit_SlidingWindowDecision',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60000, approximate: true },
    windows: [5, 10],
    steps: [[59400, 1, true, 4]],
  },
  {
    id: 'SW07',
    source: 'unkeyed/unkey:internal/services/ratelimit/ratelimit_test.go TestRatelimit_SlidingWindowDecision',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 60000, approximate: true },
    windows: [0, 0],
    differs: 'the peer answers that nothing remains where the cost was too large; ours says what would still fit',
    differing: ['0 remaining'],
    steps: [[0, 100, false, 10, { retry: -1 }]],
  },
  {
    id: 'SW09',
    source: 'upstash/ratelimit-js#39',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 1, windowMs: 10000, approximate: true },
    steps: [
      [0, 1, true, 0],
      [1, 1, false, 0],
    ],
  },
  {
    id: 'SW10',
    source: 'computed',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 1000, approximate: true },
    steps: [
      [999, 10, true, 0],
      [1000, 1, false, 0],
      [1100, 1, true, 0],
      [1100, 1, false, 0],
      [1500, 4, true, 0],
    ],
  },
  {
    id: 'SW11',
    source: 'computed',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 3, windowMs: 1000 },
    differs:
      'a log of each request forgets it after the window; our ring of 20 buckets up to a bucket later, 50 ms, and never earlier',
    differing: ['3 retry', '4 allowed', '5 allowed', '5 retry'],
    steps: [
      [0, 1, true, 2],
      [100, 1, true, 1],
      [200, 1, true, 0],
      [300, 1, false, 0, { retry: 750 }],
      [1000, 1, false, 0, { retry: 50 }],
      [1050, 1, true, 0],
      [1100, 1, false, 0, { retry: 50 }],
      [1150, 1, true, 0],
    ],
  },
  {
    id: 'SW12',
    source: 'measured on upstash 2.2.0: stored 14 after denial and third denied (bug)',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 3600000, approximate: true },
    steps: [
      [0, 9, true, 1],
      [0, 5, false, 1],
      [0, 1, true, 0],
    ],
  },
]
