import type { PublishedCase } from './case.ts'

export const BUCKET_CASES: readonly PublishedCase[] = [
  {
    id: 'TB01',
    source: 'throttled/throttled:rate_test.go TestRateLimit; same table brandur/redis-cell:src/cell/mod.rs it_rate_limits',
    policy: { algorithm: 'TOKEN_BUCKET', capacity: 5, refill: { tokens: 1, perMs: 1000 } },
    steps: [
      [0, 6, false, 5, { reset: 0, retry: -1 }],
      [0, 1, true, 4, { reset: 1000, retry: -1 }],
      [0, 1, true, 3, { reset: 2000, retry: -1 }],
      [0, 1, true, 2, { reset: 3000, retry: -1 }],
      [0, 1, true, 1, { reset: 4000, retry: -1 }],
      [0, 1, true, 0, { reset: 5000, retry: -1 }],
      [0, 1, false, 0, { reset: 5000, retry: 1000 }],
      [3000, 1, true, 2, { reset: 3000, retry: -1 }],
      [3100, 1, true, 1, { reset: 3900, retry: -1 }],
      [4000, 1, true, 1, { reset: 4000, retry: -1 }],
      [8000, 1, true, 4, { reset: 1000, retry: -1 }],
      [9500, 1, true, 4, { reset: 1000, retry: -1 }],
      [9500, 0, true, 4, { reset: 1000, retry: -1 }],
      [9500, 2, true, 2, { reset: 3000, retry: -1 }],
      [9500, 5, false, 2, { reset: 3000, retry: 3000 }],
      [15000, 6, false, 5, { reset: 0, retry: -1 }],
    ],
  },
  {
    id: 'TB03',
    source: 'computed',
    policy: { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 5, perMs: 1000 } },
    steps: [
      [0, 10, true, 0, { reset: 2000 }],
      [100, 1, false, 0, { retry: 100 }],
      [200, 1, true, 0, { retry: -1 }],
      [2200, 0, true, 10],
    ],
  },
  {
    id: 'TB04',
    source: 'upstash/ratelimit-js 2.2.0 tokenBucket script (fixed in 2.2.0), measured here',
    policy: { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 1, perMs: 3600000 } },
    steps: [
      [0, 9, true, 1],
      [0, 50, false, 1, { retry: -1 }],
      [0, 1, true, 0],
    ],
  },
  {
    id: 'TB07',
    source: 'computed',
    policy: { algorithm: 'TOKEN_BUCKET', capacity: 1, refill: { tokens: 7, perMs: 3600000 } },
    steps: [
      [0, 1, true, 0],
      [514285, 1, false, 0],
      [514286, 1, true, 0],
    ],
  },
  {
    id: 'TB08',
    source: 'upstash/ratelimit-js:src/lua-scripts/single.ts tokenBucket (interval refill, anchored at first use)',
    policy: { algorithm: 'TOKEN_BUCKET', capacity: 10, refill: { tokens: 5, perMs: 10000 }, mode: 'interval' },
    differs: 'the peer tells the next refill as its reset, ours the instant from which the whole bucket is full',
    steps: [
      [0, 10, true, 0, { reset: 20000 }],
      [9999, 1, false, 0, { reset: 10001, retry: 1 }],
      [10000, 1, true, 4, { reset: 20000 }],
    ],
  },
  {
    id: 'LB01',
    source: 'gubernator-io/gubernator:functional_test.go TestLeakyBucket',
    policy: { algorithm: 'LEAKY_BUCKET', capacity: 10, leak: { amount: 10, perMs: 30000 } },
    differs: 'the peer counts its reset in whole leaks, ours is the instant at which the bucket is empty',
    steps: [
      [0, 1, true, 9, { reset: 3000 }],
      [1000, 1, true, 8, { reset: 5000 }],
      [2000, 1, true, 7, { reset: 7000 }],
      [3500, 0, true, 8, { reset: 5500 }],
      [6500, 0, true, 9, { reset: 2500 }],
      [6500, 9, true, 0, { reset: 29500 }],
      [6500, 1, false, 0, { reset: 29500, retry: 2500 }],
      [9500, 0, true, 1, { reset: 26500 }],
      [69500, 0, true, 10, { reset: 0 }],
      [129500, 10, true, 0, { reset: 30000 }],
      [158500, 9, true, 0, { reset: 28000 }],
      [161500, 1, true, 0, { reset: 28000 }],
    ],
  },
  {
    // The peer's minute of the calendar: a bucket leaks evenly, so that the figures need none.
    id: 'LB03',
    source: 'gubernator-io/gubernator:functional_test.go TestLeakyBucketGregorian',
    policy: { algorithm: 'LEAKY_BUCKET', capacity: 60, leak: { amount: 60, perMs: 60000 } },
    steps: [
      [0, 1, true, 59],
      [500, 1, true, 58],
      [1700, 1, true, 58],
    ],
  },
  {
    id: 'LB04',
    source: 'gubernator-io/gubernator:functional_test.go TestLeakyBucketNegativeHits',
    policy: { algorithm: 'LEAKY_BUCKET', capacity: 10, leak: { amount: 10, perMs: 30000 } },
    needs: 'giving_back',
    steps: [
      [0, 1, true, 9],
      [0, -1, true, 10],
      [0, 10, true, 0],
      [0, -1, true, 1],
    ],
  },
  {
    id: 'LB05',
    source: 'gubernator-io/gubernator:functional_test.go TestLeakyBucketDivBug',
    policy: { algorithm: 'LEAKY_BUCKET', capacity: 2000, leak: { amount: 2000, perMs: 1000 } },
    steps: [
      [0, 1, true, 1999],
      [0, 100, true, 1899],
    ],
  },
  {
    id: 'LB06',
    source: 'gubernator-io/gubernator:functional_test.go TestChangeLimit',
    policy: { algorithm: 'LEAKY_BUCKET', capacity: 100, leak: { amount: 100, perMs: 9000 } },
    needs: 'a_changed_limit',
    differs: 'the peer fills the bucket anew when its size changes; with ours what was taken stays taken',
    steps: [
      [0, 1, true, 99],
      [0, 1, true, 8, { policy: { algorithm: 'LEAKY_BUCKET', capacity: 10, leak: { amount: 100, perMs: 9000 } } }],
      [0, 1, true, 7],
    ],
  },
  {
    // The peer allows 2400 to 2600 ms.
    id: 'LB11',
    source: 'animir/node-rate-limiter-flexible:test/RateLimiterMemory.test.js execEvenly',
    policy: { algorithm: 'LEAKY_BUCKET', capacity: 2, leak: { amount: 2, perMs: 5000 }, mode: 'shaper' },
    steps: [
      [0, 1, true, 1, { delay: 0 }],
      [0, 1, true, 0, { delay: 2500 }],
    ],
  },
]
