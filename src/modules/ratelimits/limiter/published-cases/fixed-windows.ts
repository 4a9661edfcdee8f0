import type { PublishedCase } from './case.ts'

export const FIXED_WINDOW_CASES: readonly PublishedCase[] = [
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
    id: 'FW07',
    source: 'envoyproxy/ratelimit:test/redis/fixed_cache_impl_test.go TestNearLimit',
    policy: { algorithm: 'FIXED_WINDOW', limit: 15, windowMs: 1000 },
    before: 10,
    steps: [[0, 1, true, 4, { hits: { within: 1, near: 0, over: 0 } }]],
  },
  {
    id: 'FW09',
    source: 'envoyproxy/ratelimit:test/redis/fixed_cache_impl_test.go TestNearLimit',
    policy: { algorithm: 'FIXED_WINDOW', limit: 15, windowMs: 1000 },
    before: 15,
    steps: [[0, 1, false, 0, { hits: { within: 0, near: 0, over: 1 } }]],
  },
  {
    id: 'FW12',
    source: 'envoyproxy/ratelimit:test/redis/fixed_cache_impl_test.go TestNearLimit',
    policy: { algorithm: 'FIXED_WINDOW', limit: 20, windowMs: 1000 },
    before: 16,
    steps: [[0, 3, true, 1, { hits: { within: 3, near: 3, over: 0 } }]],
  },
  {
    id: 'FW14',
    source: 'envoyproxy/ratelimit:test/redis/fixed_cache_impl_test.go TestNearLimit',
    policy: { algorithm: 'FIXED_WINDOW', limit: 20, windowMs: 1000 },
    before: 15,
    differs:
      'the peer fills the window with a request that it refuses; ours takes nothing for it, and tells what would still fit',
    differing: ['0 remaining'],
    steps: [[0, 7, false, 5, { hits: { within: 0, near: 4, over: 2 } }]],
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
    id: 'FW19',
    source: 'gubernator-io/gubernator:functional_test.go TestDrainOverLimit',
    policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 30000, anchor: 'first_use' },
    differs:
      'the peer has a mode in which too large a request takes what is left; with ours who wants that asks for what remains',
    differing: ['2 remaining', '3 cost'],
    steps: [
      [0, 0, true, 10],
      [0, 1, true, 9],
      [0, 100, false, 9, { retry: -1 }],
      [0, 9, true, 0],
      [0, 0, true, 0],
    ],
  },
  {
    id: 'FW22',
    source: 'gubernator-io/gubernator:functional_test.go TestChangeLimit',
    policy: { algorithm: 'FIXED_WINDOW', limit: 100, windowMs: 9000 },
    needs: 'a_changed_limit',
    steps: [
      [0, 1, true, 99],
      [0, 1, true, 98],
      [0, 1, true, 7, { policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 9000 } }],
      [0, 1, true, 6],
      [0, 1, true, 195, { policy: { algorithm: 'FIXED_WINDOW', limit: 200, windowMs: 9000 } }],
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
    id: 'FW26',
    source: 'fastify/fastify-rate-limit:test/exponential-backoff.test.js + store/LocalStore.js',
    policy: { algorithm: 'FIXED_WINDOW', limit: 2, windowMs: 500, anchor: 'first_use' },
    differs:
      'the peer doubles the wait with each refused request; with ours they count nothing, and who waits as told is let through',
    differing: ['3 retry'],
    steps: [
      [0, 1, true, 1],
      [0, 1, true, 0],
      [0, 1, false, 0, { retry: 500 }],
      [0, 1, false, 0, { retry: 500 }],
      [500, 1, true, 1],
    ],
  },
  {
    id: 'FW27',
    source: 'animir/node-rate-limiter-flexible:test/RateLimiterMemory.test.js blockDuration',
    policy: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 1000, anchor: 'first_use' },
    differs: 'the peer takes and blocks on too large a request; ours takes nothing, and a block is a limit of its own',
    differing: ['0 remaining', '0 retry', '1 allowed', '1 retry', '2 allowed'],
    steps: [
      [0, 2, false, 1, { retry: -1 }],
      [1201, 1, true, 0],
      [2010, 1, false, 0, { retry: 191 }],
    ],
  },
  {
    // The peer's penalty is a request like any other.
    id: 'FW28',
    source: 'animir/node-rate-limiter-flexible:test/RateLimiterMemory.test.js penalty/reward',
    policy: { algorithm: 'FIXED_WINDOW', limit: 3, windowMs: 5000, anchor: 'first_use' },
    needs: 'giving_back',
    steps: [
      [0, 1, true, 2],
      [0, 1, true, 1],
      [0, -1, true, 2],
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
    id: 'FW31',
    source: 'upstash/ratelimit-js:src/negative-rate.test.ts',
    policy: { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 172800000 },
    needs: 'giving_back',
    steps: [
      [0, 8, true, 2],
      [0, -2, true, 4],
      [0, -3, true, 7],
      [0, 5, true, 2],
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
]
