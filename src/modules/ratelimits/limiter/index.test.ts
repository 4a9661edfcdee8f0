import type { Cluster, Redis } from 'ioredis'
import { expectTypeOf, test } from 'vitest'
import type * as limiter from './index.ts'

type OptionsOf<Create extends (options: never) => unknown> = Parameters<Create>[0]

test('whoever embeds the limiter can name what each limiter is made of, held by the compiler', () => {
  expectTypeOf<OptionsOf<typeof limiter.createLimiter>>().toEqualTypeOf<limiter.CreateLimiterOptions>()
  expectTypeOf<OptionsOf<typeof limiter.createRedisLimiter>>().toEqualTypeOf<limiter.CreateRedisLimiterOptions>()
  expectTypeOf<OptionsOf<typeof limiter.createLeasedLimiter>>().toEqualTypeOf<limiter.LeasedRedisLimiterOptions>()
  expectTypeOf<OptionsOf<typeof limiter.createConcurrencyLimiter>>().toEqualTypeOf<limiter.CreateConcurrencyLimiterOptions>()
  expectTypeOf<
    OptionsOf<typeof limiter.createRedisConcurrencyLimiter>
  >().toEqualTypeOf<limiter.CreateRedisConcurrencyLimiterOptions>()
})

test('clients of ioredis, single and Cluster, are ones that the limiter takes', () => {
  expectTypeOf<Redis>().toExtend<limiter.RedisClient>()
  expectTypeOf<Cluster>().toExtend<limiter.RedisClient>()
})
