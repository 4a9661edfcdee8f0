import fc from 'fast-check'
import { divRound } from '../../src/lib/money.ts'
import type { Period } from '../../src/lib/period.ts'
import type { EventInput } from '../../src/modules/metering/schema.ts'

const FROM = Temporal.Instant.from('2026-03-28T00:00:00Z')
const SPAN_US = 4 * 86_400_000_000
const HOUR_US = 3_600_000_000

/** Instants of four days over a change of clocks, many of them on or beside the ends of (half) hours. */
const instant = fc
  .oneof(
    fc.integer({ min: 0, max: SPAN_US }),
    fc
      .tuple(fc.integer({ min: 0, max: 4 * 48 }), fc.constantFrom(-1, 0, 1))
      .map(([half, beside]) => Math.max(0, (half * HOUR_US) / 2 + beside)),
  )
  .map((us) => FROM.add({ microseconds: us }))

export const anyPeriod: fc.Arbitrary<Period> = fc
  .tuple(instant, instant)
  .map(([a, b]) => (Temporal.Instant.compare(a, b) < 0 ? { start: a, end: b } : { start: b, end: a }))

/** Used events, as they are sent and as the sums below need them. Costs are stated, or the model has no price. */
export interface Use {
  readonly at: Temporal.Instant
  readonly type: 'API_CALL' | 'LLM_COMPLETION' | 'EMBEDDING_GENERATION' | 'COMPUTE_TIME' | 'AGENT_EXECUTION' | 'STORAGE_OPERATION'
  readonly model: string | undefined
  readonly user: string | undefined
  readonly success: boolean
  /** In millionths. */
  readonly quantity: bigint
  readonly input: number
  readonly output: number
  readonly durationMs: number | undefined
  /** 10⁻¹² dollars; undefined: unpriced. */
  readonly cost: bigint | undefined
}

const TYPES = [
  'API_CALL',
  'LLM_COMPLETION',
  'EMBEDDING_GENERATION',
  'COMPUTE_TIME',
  'AGENT_EXECUTION',
  'STORAGE_OPERATION',
] as const

export const anyUse: fc.Arbitrary<Use> = fc
  .record({
    at: instant,
    type: fc.constantFrom(...TYPES),
    model: fc.constantFrom('no-such-model', 'nor-this', undefined),
    user: fc.constantFrom('u1', 'u2', undefined),
    success: fc.boolean(),
    quantity: fc.bigInt(-(10n ** 15n), 10n ** 15n),
    input: fc.nat(100_000),
    output: fc.nat(100_000),
    durationMs: fc.option(fc.nat(10_000_000), { nil: undefined }),
    cost: fc.option(fc.bigInt(0n, 10n ** 13n), { nil: undefined }),
  })
  .map((use) => ({
    ...use,
    quantity: use.type === 'STORAGE_OPERATION' || use.quantity >= 0n ? use.quantity : -use.quantity,
    cost: use.cost ?? (use.model === undefined ? 0n : undefined),
  }))

const decimal = (value: bigint, digits: number): string => {
  const text = String(value < 0n ? -value : value).padStart(digits + 1, '0')
  return `${value < 0n ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`
}

export const toInput = (
  { at, type, model, user, success, quantity, input, output, durationMs, cost }: Use,
  id: number,
): EventInput => ({
  id: `e${id}`,
  type,
  occurred_at: at.toString(),
  success,
  quantity: decimal(quantity, 6),
  input_tokens: input,
  output_tokens: output,
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
      sum(of('COMPUTE_TIME'), ({ quantity }) => quantity * 10n ** 6n) + sum(of('AGENT_EXECUTION'), ms) * 10n ** 9n,
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
  output_tokens: sum(uses, ({ output }) => BigInt(output)),
  duration_ms: sum(uses, ms),
  cost: sum(uses, ({ cost }) => cost ?? 0n),
  unpriced: BigInt(uses.filter(({ cost }) => cost === undefined).length),
})
