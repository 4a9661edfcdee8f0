import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dataFile } from '../../../test/data.ts'
import { readTrace } from '../replay/trace-csv.ts'
import { atShare, QUANTILES, SHARES } from './token-quantiles.ts'
import { type Profile, seeded, trafficOf } from './traffic.ts'

const month = { start: Temporal.Instant.from('2026-04-01T00:00:00Z'), end: Temporal.Instant.from('2026-05-01T00:00:00Z') }
const profile: Profile = {
  slug: 'fern',
  calls: 4_000,
  workload: 'conversation',
  models: [
    { provider: 'openai', model: 'gpt-4', weight: 3 },
    { provider: 'anthropic', model: 'claude-3-haiku', weight: 1 },
  ],
  computeHours: 60,
  storageGb: 3,
}

const callsIn = (seed: number) => trafficOf(profile, month, seed).filter(({ type }) => type === 'LLM_COMPLETION')

test('the same seed makes the same month, another seed another', () => {
  expect(trafficOf(profile, month, 7)).toEqual(trafficOf(profile, month, 7))
  expect(callsIn(7)).not.toEqual(callsIn(8))
})

test('events come in order of time, within the month, each with an id of its own', () => {
  const events = trafficOf(profile, month, 7)
  const times = events.map(({ occurred_at }) => Temporal.Instant.from(occurred_at).epochMilliseconds)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(times.every((ms) => ms >= month.start.epochMilliseconds && ms < month.end.epochMilliseconds)).toBe(true)
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
})

test('nights and weekends are quieter', () => {
  const hours = callsIn(7).map(({ occurred_at }) => Temporal.Instant.from(occurred_at).toZonedDateTimeISO('UTC'))
  const between = (from: number, to: number) => hours.filter(({ hour }) => hour >= from && hour < to).length
  expect(between(0, 6)).toBeLessThan(between(9, 15) / 5)
  const weekend = hours.filter(({ dayOfWeek }) => dayOfWeek >= 6).length // 8 of the 30 days
  expect(weekend).toBeLessThan(hours.length * 0.15)
})

test('token lengths have the median and the 90th percentile of the trace, within sampling error', () => {
  const sorted = callsIn(7)
    .map(({ input_tokens = 0 }) => input_tokens)
    .toSorted((a, b) => a - b)
  expect(Math.abs((sorted[2_000] ?? 0) - 1_020)).toBeLessThan(80)
  expect(Math.abs((sorted[3_600] ?? 0) - 2_735)).toBeLessThan(200)
})

test('models appear as often as they weigh', () => {
  const share = callsIn(7).filter(({ model }) => model === 'gpt-4').length / profile.calls
  expect(share).toBeGreaterThan(0.72)
  expect(share).toBeLessThan(0.78)
})

test('compute time and storage add up to what the profile says', () => {
  const sum = (type: string) =>
    trafficOf(profile, month, 7)
      .filter((event) => event.type === type)
      .reduce((total, { quantity = 0 }) => total + Number(quantity), 0)
  expect(sum('COMPUTE_TIME')).toBe(60 * 3_600)
  expect(sum('STORAGE_OPERATION')).toBe(3_000_000_000)
})

test('the inverse of the distribution meets its table and never leaves it', () => {
  for (const [index, share] of SHARES.entries())
    expect(atShare(QUANTILES.code.input, share / 100)).toBe(QUANTILES.code.input[index])
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      return atShare(QUANTILES.code.output, low) <= atShare(QUANTILES.code.output, high)
    }),
  )
})

test('the random numbers are mulberry32', () => {
  const random = seeded(1)
  expect([random(), random()].map((value) => value.toFixed(6))).toEqual(['0.627074', '0.002736'])
})

const traces = {
  code: dataFile('llm/AzureLLMInferenceTrace_code.csv'),
  conversation: dataFile('llm/AzureLLMInferenceTrace_conv.csv'),
}
test.skipIf(!traces.code || !traces.conversation)(
  'the quantile tables are those of the real traces (skipped where the traces are not at hand)',
  async () => {
    for (const workload of ['code', 'conversation'] as const) {
      const calls = []
      for await (const row of readTrace(traces[workload] ?? '')) if (row.ok) calls.push(row)
      for (const side of ['input', 'output'] as const) {
        const sorted = calls.map((call) => call[`${side}Tokens`]).toSorted((a, b) => a - b)
        const at = (percent: number) => {
          const place = (percent / 100) * (sorted.length - 1)
          const [low = 0, high = low] = sorted.slice(Math.floor(place), Math.floor(place) + 2)
          return Math.round(low + (place % 1) * (high - low))
        }
        expect(SHARES.map(at)).toEqual(QUANTILES[workload][side])
      }
    }
  },
)
