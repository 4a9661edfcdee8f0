import { describe, expect, test } from 'vitest'
import { describeRedis, openRedis } from '../../../../test/harness/redis.ts'
import { costOf, type Rates } from '../../metering/pricing/price.ts'
import { perMillion } from '../../metering/pricing/seed.ts'
import { completeUsage, type UsageCounts } from '../../metering/pricing/usage.ts'
import type { Ask, Decision } from './decision.ts'
import { impliedEstimate } from './implied-estimate.ts'
import { memoryLimiter } from './memory/limiter.ts'
import type { Policy } from './policy.ts'
import { redisLimiter } from './redis/limiter.ts'

type Limits = Readonly<Record<string, Policy>>

/** What both backends do, in one form. */
interface Stand {
  readonly at: (ms: number) => void
  readonly acquire: (...asks: readonly Ask[]) => Promise<Decision>
  readonly reserve: (id: string, ...asks: readonly Ask[]) => Promise<Decision>
  readonly settle: (id: string, costs: Readonly<Record<string, number>>) => Promise<unknown>
}

const START_MS = 19_675 * 86_400_000
const TTL_MS = 600_000
const counted = (limit: number, windowMs: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs, anchor: 'first_use' })
const spent = (limit: string): Policy => ({ algorithm: 'COST_BASED', limit, windowMs: 86_400_000 })
const usd = (micros: number): number => micros * 1_000_000

/** An exact decimal of 10^-12. */
const decimal = (pico: bigint): string => `${pico / 10n ** 12n}.${(pico % 10n ** 12n).toString().padStart(12, '0')}`

interface Priced {
  readonly id: string
  readonly source: string
  readonly rates: Rates
  readonly usage: UsageCounts
  readonly pico: bigint
}

const rates = (input: string, output = '0', cachedInput?: string, cacheWrite?: string): Rates => ({
  input: perMillion(input),
  output: perMillion(output),
  ...(cachedInput !== undefined && { cachedInput: perMillion(cachedInput) }),
  ...(cacheWrite !== undefined && { cacheWrite: perMillion(cacheWrite) }),
})
const tiered = (input: string, aboveInputTokens: number, above: string): Rates => ({
  ...rates(input),
  tiers: [{ aboveInputTokens, ...rates(above) }],
})

const TIERED = 'pydantic/genai-prices:packages/js/src/__tests__/tieredPricing.test.ts'
const PRICED: readonly Priced[] = [
  {
    id: 'CO01',
    source: TIERED,
    rates: tiered('3', 200_000, '6'),
    usage: { inputTokens: 100_000, outputTokens: 0 },
    pico: 300_000_000_000n,
  },
  {
    id: 'CO02',
    source: TIERED,
    rates: tiered('3', 200_000, '6'),
    usage: { inputTokens: 200_000, outputTokens: 0 },
    pico: 600_000_000_000n,
  },
  {
    id: 'CO05',
    source: TIERED,
    rates: tiered('0.075', 128_000, '0.15'),
    usage: { inputTokens: 500_000, outputTokens: 0 },
    pico: 75_000_000_000n,
  },
  {
    id: 'CO08',
    source: 'pydantic/genai-prices:packages/js/README.md example',
    rates: rates('3', '15', '0.3', '3.75'),
    usage: { inputTokens: 4_740, cacheWriteTokens: 4_735, cachedInputTokens: 0, outputTokens: 255 },
    pico: 21_596_250_000n,
  },
  {
    id: 'CO09',
    source: 'computed',
    rates: rates('1.25', '10', '0.125'),
    usage: { inputTokens: 12_000, cachedInputTokens: 8_000, outputTokens: 1_500, reasoningTokens: 900 },
    pico: 21_000_000_000n,
  },
  {
    id: 'CO10',
    source: 'BerriAI/litellm#14849',
    rates: rates('1.25', '10', '0.625'),
    usage: { inputTokens: 262_960, cachedInputTokens: 257_955, outputTokens: 1_744 },
    pico: 184_918_125_000n,
  },
  {
    id: 'CO11',
    source: 'BerriAI/litellm#31714',
    rates: rates('1.4', '4.4', '0.26'),
    usage: { inputTokens: 27_147, cachedInputTokens: 27_146, outputTokens: 351 },
    pico: 8_603_760_000n,
  },
]

const scenarios = (open: (limits: Limits) => Stand): void => {
  // The peer charged the broad limit of a blocked user five times over.
  test('MU02 of envoyproxy/ratelimit#1060: what one limit refuses is taken from none', async () => {
    const { acquire } = open({ site: counted(1_000, 60_000), user: counted(1, 60_000) })
    await acquire({ limit: 'user', key: '{u}1' })
    for (let tries = 0; tries < 5; tries += 1)
      expect(await acquire({ limit: 'site', key: '{u}all' }, { limit: 'user', key: '{u}1' })).toMatchObject({
        allowed: false,
        limits: [
          { allowed: true, remaining: 1_000 },
          { allowed: false, remaining: 0 },
        ],
      })
  })

  test('MU03 of unkey, TestRatelimitMany_LongWindowLowTrafficRefreshesStaleReplica: a batch of zero costs looks', async () => {
    const { acquire } = open({ daily: counted(22, 86_400_000), hourly: counted(32, 3_600_000) })
    const both = (cost: number) => acquire({ limit: 'daily', key: 'k', cost }, { limit: 'hourly', key: 'k', cost })
    await both(12)
    for (let looks = 0; looks < 3; looks += 1)
      expect(await both(0)).toMatchObject({ allowed: true, limits: [{ remaining: 10 }, { remaining: 20 }] })
  })

  test('LB09 of uber-go/ratelimit, TestInitial: at ten a second three at once leave 100 ms apart', async () => {
    const { acquire } = open({
      it: { algorithm: 'LEAKY_BUCKET', capacity: 3, leak: { amount: 10, perMs: 1_000 }, mode: 'shaper' },
    })
    const decisions = await Promise.all([1, 2, 3].map(() => acquire({ limit: 'it', key: 'k' })))
    const delays = decisions.map(({ limits }) => limits[0]?.delayMs ?? Number.NaN)
    expect(delays.sort((a, b) => a - b)).toEqual([0, 100, 200]) // at once: which of them goes first is nobody's to say
  })

  test('SW13, computed: bursts and polls find no second that holds more than the limit', async () => {
    const { at, acquire } = open({ it: { algorithm: 'SLIDING_WINDOW', limit: 100, windowMs: 1_000 } })
    for (const burstAt of [0, 999, 2_950]) {
      const taken: (readonly [ms: number, amount: number])[] = []
      const take = async (ms: number) => {
        at(ms)
        const room = (await acquire({ limit: 'it', key: `k${burstAt}`, cost: 0 })).limits[0]?.remaining ?? 0
        if (room > 0 && (await acquire({ limit: 'it', key: `k${burstAt}`, cost: room })).allowed) taken.push([ms, room])
      }
      for (const cost of [40, 20]) {
        at(burstAt)
        await acquire({ limit: 'it', key: `k${burstAt}`, cost })
        taken.push([burstAt, cost])
      }
      for (let ms = burstAt + 500; ms < burstAt + 2_600; ms += 13) await take(ms)
      const held = taken.map(([end]) =>
        taken.filter(([ms]) => ms <= end && ms > end - 1_000).reduce((sum, [, amount]) => sum + amount, 0),
      )
      expect(Math.max(...held)).toBe(100)
      expect(taken.length).toBeGreaterThan(4)
    }
  })

  // The peer's own option; ours is a limit beside it: a bucket that holds nothing, and owes as many milliseconds as the block is to last.
  test('FW27 of animir/node-rate-limiter-flexible, blockDuration: who exceeds is refused for as long as a block beside the limit lasts', async () => {
    const block: Policy = { algorithm: 'TOKEN_BUCKET', capacity: 0, refill: { tokens: 1, perMs: 1 } }
    const { at, acquire, reserve, settle } = open({ it: counted(1, 1_000), block })
    const ask = (cost = 1) => acquire({ limit: 'it', key: 'k', cost }, { limit: 'block', key: 'k', cost: 0 })
    expect(await ask(2)).toMatchObject({ allowed: false, limits: [{ allowed: false }, { allowed: true }] })
    await reserve('b', { limit: 'block', key: 'k', cost: 0 })
    await settle('b', { block: 2_000 })
    expect(await ask()).toMatchObject({ allowed: false, limits: [{}, { retryAfterMs: 2_000 }] })
    at(1_201)
    expect(await ask()).toMatchObject({ allowed: false, limits: [{ allowed: true }, { retryAfterMs: 799 }] })
    at(2_010)
    expect(await ask()).toMatchObject({ allowed: true, limits: [{ remaining: 0 }, {}] })
  })

  test('FW28, a penalty that counts beyond the limit too: a reservation of nothing, settled with it', async () => {
    const { at, acquire, reserve, settle } = open({ it: counted(3, 5_000) })
    await acquire({ limit: 'it', key: 'k', cost: 3 })
    await reserve('p', { limit: 'it', key: 'k', cost: 0 })
    await settle('p', { it: 2 })
    expect(await acquire({ limit: 'it', key: 'k', cost: 0 })).toMatchObject({ allowed: false, limits: [{ retryAfterMs: 5_000 }] })
    at(5_000)
    expect(await acquire({ limit: 'it', key: 'k', cost: 3 })).toMatchObject({ allowed: true })
  })

  for (const { id, source, rates, usage, pico } of PRICED)
    test(`${id} of ${source}: the request costs exactly ${decimal(pico)}, and is let through by no limit of less`, async () => {
      const cost = costOf(completeUsage(usage), rates)
      expect(cost).toBe(pico)
      const { acquire } = open({ enough: spent(decimal(pico)), less: spent(decimal(pico - 1n)) })
      expect(await acquire({ limit: 'less', key: 'k', cost: Number(cost) })).toMatchObject({ allowed: false })
      expect(await acquire({ limit: 'enough', key: 'k', cost: Number(cost) })).toMatchObject({
        allowed: true,
        limits: [{ remaining: 0 }],
      })
      expect(await acquire({ limit: 'enough', key: 'k', cost: 1 })).toMatchObject({ allowed: false })
    })

  test('QU04 of BerriAI/litellm#29191 and #29193: an estimate that nobody named is cut to the smallest limit', async () => {
    const limits = { tpm: counted(100, 60_000), daily: counted(5_000, 86_400_000) }
    const estimate = impliedEstimate(1_024, Object.values(limits))
    expect(estimate).toBe(100)
    expect(impliedEstimate(64, Object.values(limits))).toBe(64)
    const { acquire, reserve } = open(limits)
    const asks = Object.keys(limits).map((limit) => ({ limit, key: 'k', cost: estimate }))
    expect(await reserve('r', ...asks)).toMatchObject({ allowed: true, limits: [{ remaining: 0 }, { remaining: 4_900 }] })
    expect(await acquire({ limit: 'tpm', key: 'k' })).toMatchObject({ allowed: false })
  })

  // The peer admitted four, and spent 0.60.
  test('QU06 of BerriAI/litellm#40002: of five of 0.15 at once three fit into 0.45', async () => {
    const { reserve, acquire } = open({ budget: spent('0.45') })
    const cost = usd(150_000)
    const decisions = await Promise.all([1, 2, 3, 4, 5].map((n) => reserve(`r${n}`, { limit: 'budget', key: 'k', cost })))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(3) // of five: which of them is nobody's to say
    expect(await acquire({ limit: 'budget', key: 'k', cost: 0 })).toMatchObject({ limits: [{ remaining: 0 }] })
  })

  test('QU07 of BerriAI/litellm#27509: a request without max_tokens holds the usual estimate, and leaves room for a second', async () => {
    const budget = spent('2000')
    const { reserve } = open({ budget })
    const estimate = impliedEstimate(Number(costOf(completeUsage({ inputTokens: 200, outputTokens: 1_024 }), rates('3', '15'))), [
      budget,
    ])
    expect(estimate).toBe(usd(15_960))
    const ask = { limit: 'budget', key: 'k', cost: estimate }
    expect(await reserve('first', ask)).toMatchObject({ allowed: true, limits: [{ remaining: usd(2_000_000_000 - 15_960) }] })
    expect(await reserve('second', ask)).toMatchObject({ allowed: true })
  })
}

describe('in memory', () => {
  scenarios((limits) => {
    let ms = START_MS
    const limiter = memoryLimiter({ limits, now: () => ms * 1_000, seed: 1 })
    return {
      at: (time) => {
        ms = START_MS + time
      },
      acquire: async (...asks) => limiter.tryAcquireAll(asks),
      reserve: async (id, ...asks) => limiter.tryReserve(id, asks, TTL_MS),
      settle: async (id, costs) => limiter.settle(id, costs),
    }
  })
})

describeRedis('in Redis', () => {
  const { redis, prefix } = openRedis()
  let stands = 0
  scenarios((limits) => {
    stands += 1
    let ms = START_MS
    const now = () => ms * 1_000
    const options = { client: redis, limits, now, serverTime: now, deadlineMs: 10_000 }
    const limiter = redisLimiter({ ...options, prefix: `${prefix}-${stands}`, groupOf: () => '' })
    return {
      at: (time) => {
        ms = START_MS + time
      },
      acquire: (...asks) => limiter.acquire(asks),
      reserve: (id, ...asks) => limiter.reserve(id, asks, TTL_MS),
      settle: (id, costs) => limiter.settle(id, costs),
    }
  })
})
