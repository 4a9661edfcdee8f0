import fc from 'fast-check'
import { divRound } from '../../src/lib/money.ts'
import type { Period } from '../../src/lib/period.ts'
import { EVENT_TYPES, type EventType } from '../../src/modules/metering/event.ts'
import type { EventInput } from '../../src/modules/metering/schema.ts'

const FROM = Temporal.Instant.from('2026-03-28T00:00:00Z')
const SPAN_US = 4 * 86_400_000_000
const HOUR_US = 3_600_000_000

/** Instants of four days over a change of clocks, many of them on or beside the ends of (half) hours. */
export const anyInstant = fc
  .oneof(
    fc.integer({ min: 0, max: SPAN_US }),
    fc
      .tuple(fc.integer({ min: 0, max: 4 * 48 }), fc.constantFrom(-1, 0, 1))
      .map(([half, beside]) => Math.max(0, (half * HOUR_US) / 2 + beside)),
  )
  .map((us) => FROM.add({ microseconds: us }))

export const anyPeriod: fc.Arbitrary<Period> = fc
  .tuple(anyInstant, anyInstant)
  .map(([a, b]) => (Temporal.Instant.compare(a, b) < 0 ? { start: a, end: b } : { start: b, end: a }))

/** Used events, as they are sent and as the sums below need them. Costs are stated, or the model has no price. */
export interface Use {
  readonly at: Temporal.Instant
  readonly type: EventType
  readonly provider: string | undefined
  readonly model: string | undefined
  readonly user: string | undefined
  readonly success: boolean
  /** In millionths. */
  readonly quantity: bigint
  readonly input: number
  readonly cached: number
  readonly written: number
  readonly output: number
  readonly reasoning: number
  readonly durationMs: number | undefined
  /** 10⁻¹² dollars; undefined: unpriced. */
  readonly cost: bigint | undefined
}

export const anyUse: fc.Arbitrary<Use> = fc
  .record({
    at: anyInstant,
    type: fc.constantFrom(...EVENT_TYPES),
    provider: fc.constantFrom('acme', 'zeta', undefined),
    model: fc.constantFrom('no-such-model', 'nor-this', undefined),
    user: fc.constantFrom('u1', 'u2', undefined),
    success: fc.boolean(),
    quantity: fc.bigInt(-(10n ** 15n), 10n ** 15n),
    cached: fc.nat(50_000),
    written: fc.nat(50_000),
    uncached: fc.nat(50_000),
    reasoning: fc.nat(50_000),
    answer: fc.nat(50_000),
    durationMs: fc.option(fc.nat(10_000_000), { nil: undefined }),
    cost: fc.option(fc.bigInt(0n, 10n ** 13n), { nil: undefined }),
  })
  .map(({ uncached, answer, ...use }) => ({
    ...use,
    input: uncached + use.cached + use.written,
    output: answer + use.reasoning,
    quantity: use.type === 'STORAGE_OPERATION' || use.quantity >= 0n ? use.quantity : -use.quantity,
    cost: use.cost ?? (use.model === undefined ? 0n : undefined),
  }))

const decimal = (value: bigint, digits: number): string => {
  const text = String(value < 0n ? -value : value).padStart(digits + 1, '0')
  return `${value < 0n ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`
}

export const toInput = (
  { at, type, provider, model, user, success, quantity, input, cached, written, output, reasoning, durationMs, cost }: Use,
  id: number,
): EventInput => ({
  id: `e${id}`,
  type,
  occurred_at: at.toString(),
  success,
  quantity: decimal(quantity, 6),
  input_tokens: input,
  cached_input_tokens: cached,
  cache_write_tokens: written,
  output_tokens: output,
  reasoning_tokens: reasoning,
  ...(provider === undefined ? {} : { provider }),
  ...(model === undefined ? {} : { model }),
  ...(user === undefined ? {} : { user_id: user }),
  ...(durationMs === undefined ? {} : { duration_ms: durationMs }),
  ...(cost === undefined ? {} : { cost: decimal(cost, 12) }),
})

export const within =
  ({ start, end }: Period) =>
  ({ at }: Use): boolean =>
    Temporal.Instant.compare(start, at) <= 0 && Temporal.Instant.compare(at, end) < 0

const sum = (uses: readonly Use[], value: (use: Use) => bigint): bigint => uses.reduce((total, use) => total + value(use), 0n)
const ms = ({ durationMs }: Use): bigint => BigInt(durationMs ?? 0)

/** What `totals` must answer, summed event by event. */
export const bruteTotals = (uses: readonly Use[], period: Period) => {
  const inside = uses.filter(within(period))
  const of = (...types: Use['type'][]) => inside.filter(({ type }) => types.includes(type))
  const length = period.end.epochNanoseconds - period.start.epochNanoseconds
  const held = sum(
    uses.filter(({ type, at }) => type === 'STORAGE_OPERATION' && Temporal.Instant.compare(at, period.end) < 0),
    ({ at, quantity }) => {
      const from = Temporal.Instant.compare(at, period.start) > 0 ? at : period.start
      return quantity * (period.end.epochNanoseconds - from.epochNanoseconds)
    },
  )
  return {
    apiCalls:
      sum(of('API_CALL'), ({ quantity }) => quantity * 10n ** 6n) +
      BigInt(of('LLM_COMPLETION', 'EMBEDDING_GENERATION').length) * 10n ** 12n,
    computeHours: divRound(
      sum(of('COMPUTE_TIME'), ({ quantity }) => quantity * 10n ** 6n) +
        sum(of('CODE_EXECUTION', 'AGENT_EXECUTION', 'WORKFLOW_EXECUTION'), ms) * 10n ** 9n,
      3_600n,
    ),
    // Millionths of bytes × ns ÷ ns, in 10⁻¹² of 10⁹ bytes.
    storageGb: length === 0n ? 0n : divRound(held, 1_000n * length),
    llmCost: sum(inside, ({ cost }) => cost ?? 0n),
    events: BigInt(inside.length),
    unpriced: BigInt(inside.filter(({ cost }) => cost === undefined).length),
  }
}

/** What a summary must tell of these events. */
export const bruteSums = (uses: readonly Use[]) => ({
  events: BigInt(uses.length),
  failures: BigInt(uses.filter(({ success }) => !success).length),
  timed: BigInt(uses.filter(({ durationMs }) => durationMs !== undefined).length),
  input_tokens: sum(uses, ({ input }) => BigInt(input)),
  cached_input_tokens: sum(uses, ({ cached }) => BigInt(cached)),
  cache_write_tokens: sum(uses, ({ written }) => BigInt(written)),
  output_tokens: sum(uses, ({ output }) => BigInt(output)),
  reasoning_tokens: sum(uses, ({ reasoning }) => BigInt(reasoning)),
  duration_ms: sum(uses, ms),
  cost: sum(uses, ({ cost }) => cost ?? 0n),
  unpriced: BigInt(uses.filter(({ cost }) => cost === undefined).length),
})

/** The 95th percentile by its definition: between the two neighbours of place 0.95 × (n − 1), counted from 0. */
const p95 = (sorted: readonly number[]): number | null => {
  const place = 0.95 * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  return low === undefined || high === undefined ? null : low + (high - low) * (place - Math.floor(place))
}

/** What realtime must tell of the five minutes that end at `now`, that instant included. */
export const bruteRealtime = (uses: readonly Use[], now: Temporal.Instant) => {
  const from = now.subtract({ minutes: 5 })
  const inside = uses.filter(({ at }) => Temporal.Instant.compare(from, at) < 0 && Temporal.Instant.compare(at, now) <= 0)
  const durations = inside.flatMap(({ durationMs }) => durationMs ?? []).sort((a, b) => a - b)
  return {
    events: BigInt(inside.length),
    failures: BigInt(inside.filter(({ success }) => !success).length),
    tokens: sum(inside, ({ input, output }) => BigInt(input + output)),
    cost: sum(inside, ({ cost }) => cost ?? 0n),
    mean: durations.length === 0 ? null : durations.reduce((total, one) => total + one) / durations.length,
    p95: p95(durations),
  }
}
