import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aimd } from './aimd.ts'
import { averaged, NOTHING_YET } from './exponential-average.ts'
import { gradient2, gradient2Start } from './gradient2.ts'
import type { Sample } from './sample.ts'
import { type Vegas, vegas, vegasStart } from './vegas.ts'

type Row = readonly [rttMs: number, inflight: number, dropped: boolean, limit: number]
const sample = ([rttMs, inflight, dropped]: Row): Sample => ({ rttMs, inflight, dropped })

/** The whole limit after each sample. */
const run = <S extends { readonly limit: number }>(start: S, samples: readonly Sample[], step: (state: S, one: Sample) => S) => {
  let state = start
  return samples.map((one) => {
    state = step(state, one)
    return Math.floor(state.limit)
  })
}

// Figures: Netflix/concurrency-limits, VegasLimitTest, AIMDLimitTest and ExpAvgMeasurementTest.
describe('figures of Netflix concurrency-limits', () => {
  const ten: Vegas = { alpha: 3, beta: 6, max: 20 }
  test.each<[string, Vegas, number, Row[]]>([
    [
      'AD01: Vegas grows by beta where nothing queues',
      ten,
      10,
      [
        [10, 10, false, 10],
        [10, 11, false, 16],
      ],
    ],
    [
      'AD03: Vegas holds between alpha and beta',
      ten,
      10,
      [
        [10, 10, false, 10],
        [14, 14, false, 10],
      ],
    ],
    [
      'AD05: Vegas goes half of the way down when smoothed by half',
      { decrease: (limit) => limit / 2, smoothing: 0.5, max: 200 },
      100,
      [
        [10, 100, false, 100],
        [20, 100, false, 75],
        [20, 100, false, 56],
      ],
    ],
  ])('%s', (_, options, initial, rows) => {
    expect(run(vegasStart(initial), rows.map(sample), (state, one) => vegas(options, state, one, 0.5))).toEqual(
      rows.map(([, , , limit]) => limit),
    )
  })

  test.each<[string, number, number, Row]>([
    ['AD07: AIMD grows by one where half is used', 20, 200, [1, 10, false, 21]],
    ['AD08: AIMD shrinks by a tenth on a drop', 30, 200, [0, 0, true, 27]],
    ['AD09: AIMD stays at its maximum', 21, 21, [1, 10, false, 21]],
  ])('%s', (_, initial, max, row) => {
    expect(aimd({ backoff: 0.9, max }, initial, sample(row))).toBe(row[3])
  })

  test('AD10: the average is plain over its first ten values, then exponential', () => {
    let average = NOTHING_YET
    const values = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((value) => {
      average = averaged(average, value, 100, 10)
      return average.value
    })
    const figures = [10, 10.5, 11, 11.5, 12, 12.5, 13, 13.5, 14, 14.5]
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(figures[i] ?? Number.NaN, 9)
    expect(Math.abs(averaged(average, 100, 100, 10).value - 16.2)).toBeLessThan(0.1)
  })
})

test('AIMD takes a round trip beyond its timeout for a drop, and does not grow while less than half is used', () => {
  expect(aimd({ max: 200, timeoutMs: 100 }, 20, { rttMs: 101, inflight: 20, dropped: false })).toBe(18)
  expect(aimd({ max: 200 }, 20, { rttMs: 1, inflight: 9, dropped: false })).toBe(20)
  expect(aimd({ max: 200, min: 5 }, 5, { rttMs: 1, inflight: 5, dropped: true })).toBe(5)
})

test('Vegas measures the time without load anew, so that a system that became slower is not throttled for ever', () => {
  let state = vegasStart(20)
  const finish = (rttMs: number, times: number) => {
    for (let i = 0; i < times; i += 1) state = vegas({ max: 100 }, state, { rttMs, inflight: 100, dropped: false }, 0.5)
  }
  finish(10, 20)
  expect(state.unloadedMs).toBe(10)
  finish(30, 3_000)
  expect(state.unloadedMs).toBe(30)
})

// AD13; Netflix/concurrency-limits #137 (the peer grows to its maximum) and #134.
describe('AD13', () => {
  const timeouts = fc.record({
    initial: fc.integer({ min: 1, max: 500 }),
    before: fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 50, size: 'max' }),
    rttMs: fc.integer({ min: 1, max: 60_000 }),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  })
  const highest = (limits: readonly number[], from: number) => Math.max(from, ...limits)

  test('constant timeouts never grow a limit, whatever came before', () => {
    fc.assert(
      fc.property(timeouts, ({ initial, before, rttMs, random }) => {
        const bounds = { max: 1_000 }
        const healthy = before.map((ms) => ({ rttMs: ms, inflight: 1_000, dropped: false }))
        const timedOut = Array.from({ length: 200 }, () => ({ rttMs, inflight: 1_000, dropped: true }))
        const g = healthy.reduce((state, one) => gradient2(bounds, state, one), gradient2Start(initial))
        expect(
          highest(
            run(g, timedOut, (state, one) => gradient2(bounds, state, one)),
            g.limit,
          ),
        ).toBe(g.limit)
        const v = healthy.reduce((state, one) => vegas(bounds, state, one, random), vegasStart(initial))
        expect(
          highest(
            run(v, timedOut, (state, one) => vegas(bounds, state, one, random)),
            v.limit,
          ),
        ).toBe(v.limit)
        const a = run({ limit: initial }, timedOut, ({ limit }, one) => ({ limit: aimd(bounds, limit, one) }))
        expect(highest(a, initial)).toBe(initial)
        expect(a.at(-1)).toBe(1)
      }),
      { seed: 3 },
    )
  })

  test('a steady gradient of 0.8 does not grow the limit by the queue it allows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 900 }), fc.integer({ min: 1, max: 50 }), (initial, queue) => {
        let state = { ...gradient2Start(initial), longMs: { value: 80, count: 600 } }
        for (let i = 0; i < 500; i += 1) {
          // The sample whose average, itself included, is 0.8 of it.
          const weight = 2 / 601
          const rttMs = (state.longMs.value * (1 - weight)) / (0.8 - weight)
          const next = gradient2({ max: 1_000, queue }, state, { rttMs, inflight: 1_000, dropped: false })
          expect(next.limit).toBeLessThanOrEqual(state.limit)
          state = next
        }
      }),
      { seed: 3 },
    )
  })
})

test('Gradient2 grows on steady times to its maximum, shrinks on rising ones, and not at all where less than half is used', () => {
  const steady = Array.from({ length: 200 }, () => ({ rttMs: 10, inflight: 1_000, dropped: false }))
  const options = { max: 100 }
  const grown = steady.reduce((state, one) => gradient2(options, state, one), gradient2Start(20))
  expect(grown.limit).toBe(100)
  const shrunk = steady.reduce((state) => gradient2(options, state, { rttMs: 30, inflight: 100, dropped: false }), grown)
  expect(shrunk.limit).toBeLessThan(60)
  expect(gradient2(options, gradient2Start(20), { rttMs: 10, inflight: 9, dropped: false }).limit).toBe(20)
})
