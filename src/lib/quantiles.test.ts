import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Histogram, histogram, RELATIVE_ERROR } from './quantiles.ts'

const of = (values: readonly number[]): Histogram => {
  const result = histogram()
  for (const value of values) result.record(value)
  return result
}
const exact = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN
const duration = fc.double({ min: 1e-3, max: 1e9, noNaN: true })
const within = RELATIVE_ERROR * (1 + 1e-9) // the logarithm's own rounding

test('every quantile of any durations is within the stated relative error', () => {
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const truth = exact(values, q)
      expect(Math.abs((of(values).p(q) ?? Number.NaN) - truth) / truth).toBeLessThanOrEqual(within)
    }),
  )
})

test('one to ten thousand milliseconds have their median, p95 and p99', () => {
  const thousands = of(Array.from({ length: 10_000 }, (_, index) => index + 1))
  for (const [q, truth] of [
    [0.5, 5000],
    [0.95, 9500],
    [0.99, 9900],
  ] as const)
    expect(Math.abs((thousands.p(q) ?? 0) - truth) / truth).toBeLessThanOrEqual(within)
})

test('merging is exact: parts merged in any order equal the whole', () => {
  fc.assert(
    fc.property(fc.array(duration), fc.array(duration), fc.array(duration), (a, b, c) => {
      const merged = of(a)
      merged.merge(of(b))
      merged.merge(of(c))
      const other = of(c)
      other.merge(of([...b, ...a]))
      expect(merged.toArrays()).toEqual(of([...a, ...b, ...c]).toArrays())
      expect(other.toArrays()).toEqual(merged.toArrays())
      expect(merged.count()).toBe(a.length + b.length + c.length)
    }),
  )
})

test('it survives JSON, and a histogram merged with itself counts double', () => {
  const original = of([0, 0.5, 12, 12, 480])
  const copy = histogram(JSON.parse(JSON.stringify(original.toArrays())))
  expect(copy.toArrays()).toEqual(original.toArrays())
  copy.merge(copy)
  expect(copy.count()).toBe(10)
})

test('nothing counted has no quantile; nought is nought; out of range is clamped', () => {
  expect(histogram().p(0.95)).toBeUndefined()
  expect(of([0, 0, 0]).p(0.95)).toBe(0)
  expect(of([Number.POSITIVE_INFINITY]).p(0.5)).toBeLessThan(1.011e9)
  expect(of([Number.MIN_VALUE]).p(0.5)).toBe(0)
  expect(() => of([-1])).toThrow(RangeError)
  expect(() => of([Number.NaN])).toThrow(RangeError)
  expect(() => histogram({ buckets: [1], counts: [] })).toThrow(RangeError)
})

test('the buckets stay few over the whole range', () => {
  const all = histogram()
  for (let value = 1e-3; value < 1e9; value *= 1.003) all.record(value, 2)
  expect(all.toArrays().buckets.length).toBeLessThan(1400)
})
