import type { Policy } from './policy.ts'

/** Milliseconds, cost, allowed, remaining; reset and retry in milliseconds, -1: not refused, or never. */
export type Step = readonly [number, number, boolean, number, { readonly reset?: number; readonly retry?: number }?]

export interface PublishedCase {
  readonly id: string
  /** The peer's test, code or issue that the figures come from. */
  readonly source: string
  readonly policy: Policy
  /** What was taken at the first step's time before it. */
  readonly before?: number
  /** What was taken in the window that runs and in the one before it. */
  readonly windows?: readonly [current: number, previous: number]
  readonly steps: readonly Step[]
}

/**
 * Figures of peers, to be met by every backend, but for three conventions. LB01 counts its reset in whole leaks; ours is the instant at which
 * the bucket is empty. TB08's is the next refill; ours that of the whole bucket. SW07 answers that nothing remains where the cost was too
 * large; ours says what would still fit.
 */
export const PUBLISHED_CASES: readonly PublishedCase[] = [
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
    steps: [
      [0, 10, true, 0],
      [9999, 1, false, 0],
      [10000, 1, true, 4],
    ],
  },
  {
    id: 'FW01',
    source: 'fastify/fastify-rate-limit:test/global-rate-limit.test.js Basic',
    policy: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 1000, anchor: 'first_use' },
    steps: [
      [0, 1, true, 1],
      [0, 1, true, 0],
      [0, 1, false, 0, { retry: 1000 }],
      [1100, 1, true, 1],
    ],
  },
  {
    id: 'FW02',
    source: 'fastify/fastify-rate-limit:store/LocalStore.js expiry rule start+window<=now',
    policy: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 1000, anchor: 'first_use' },
    steps: [
      [0, 2, true, 0],
      [999, 1, false, 0, { retry: 1 }],
      [1000, 1, true, 1],
    ],
  },
  {
    id: 'FW03',
    source: 'envoyproxy/ratelimit:test/redis/fixed_cache_impl_test.go TestRedis',
    policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 1000, anchor: 'epoch' },
    before: 4,
    steps: [[1234000, 1, true, 5, { reset: 1000 }]],
  },
  {
    id: 'FW04',
    source: 'envoyproxy/ratelimit:test/redis/fixed_cache_impl_test.go TestRedis',
    policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 60000, anchor: 'epoch' },
    before: 10,
    steps: [[1234000, 1, false, 0, { reset: 26000 }]],
  },
  {
    id: 'FW06',
    source: 'envoyproxy/ratelimit:test/redis/fixed_cache_impl_test.go TestRedis',
    policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 86400000, anchor: 'epoch' },
    before: 12,
    steps: [[1000000000, 1, false, 0, { reset: 36800000 }]],
  },
  {
    id: 'FW17',
    source: 'gubernator-io/gubernator:functional_test.go TestTokenBucket',
    policy: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 5, anchor: 'first_use' },
    steps: [
      [0, 1, true, 1],
      [0, 1, true, 0],
      [100, 1, true, 1],
    ],
  },
  {
    id: 'FW24',
    source: 'gubernator-io/gubernator:functional_test.go TestMissingFields',
    policy: { algorithm: 'FIXED_WINDOW', limit: 0, windowMs: 10000, anchor: 'first_use' },
    steps: [[0, 1, false, 0]],
  },
  {
    id: 'FW25',
    source: 'computed; reproduced on rate-limiter-flexible memory (19 in 106 ms)',
    policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 1000, anchor: 'epoch' },
    steps: [
      [999, 10, true, 0],
      [1000, 10, true, 0],
    ],
  },
  {
    id: 'FW30',
    source: 'measured: rate-limiter-flexible 11.4.0 duration 0.5 -> key without TTL, blocked forever',
    policy: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 500, anchor: 'first_use' },
    steps: [
      [0, 1, true, 1],
      [0, 1, true, 0],
      [0, 1, false, 0],
      [1200, 1, true, 1],
    ],
  },
  {
    id: 'FW32',
    source: 'upstash/ratelimit-js#157 (open PR): cache-hit path must allow the last token',
    policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 3600000, anchor: 'first_use' },
    before: 8,
    steps: [
      [0, 1, true, 1],
      [0, 1, true, 0],
      [0, 1, false, 0],
    ],
  },
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
    steps: [[0, 100, false, 10]],
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
    id: 'SW12',
    source: 'measured on upstash 2.2.0: stored 14 after denial and third denied (bug)',
    policy: { algorithm: 'SLIDING_WINDOW', limit: 10, windowMs: 3600000, approximate: true },
    steps: [
      [0, 9, true, 1],
      [0, 5, false, 1],
      [0, 1, true, 0],
    ],
  },
  {
    id: 'LB01',
    source: 'gubernator-io/gubernator:functional_test.go TestLeakyBucket',
    policy: { algorithm: 'LEAKY_BUCKET', capacity: 10, leak: { amount: 10, perMs: 30000 } },
    steps: [
      [0, 1, true, 9],
      [1000, 1, true, 8],
      [2000, 1, true, 7],
      [3500, 0, true, 8],
      [6500, 0, true, 9],
      [6500, 9, true, 0],
      [6500, 1, false, 0],
      [9500, 0, true, 1],
      [69500, 0, true, 10],
      [129500, 10, true, 0],
      [158500, 9, true, 0],
      [161500, 1, true, 0],
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
]
