import fc from 'fast-check'
import { expect, test } from 'vitest'
import { spaceSaving } from './space-saving.ts'
import { OTHER_ENDPOINTS, violationCounts } from './violation-counts.ts'

// The theorems of Metwally et al. 2005: every key with more than n/m sightings is held, and counts are over by n/m at most, never under.
test('of any stream the heavy keys are held, and no count is too low or over by more than it says', () => {
  const key = fc.oneof(fc.nat(20), fc.nat(2))
  const streams = fc.array(key, { maxLength: 400, size: 'max' })
  const reached = { longest: 0, evicted: 0, heavy: 0 }
  fc.assert(
    fc.property(streams, fc.integer({ min: 1, max: 12 }), (stream, capacity) => {
      const sketch = spaceSaving(capacity)
      for (const key of stream) sketch.see(String(key))
      const truth = Map.groupBy(stream, String)
      const held = sketch.top(capacity)
      for (const { key, seen, overcount } of held) {
        const truly = truth.get(key)?.length ?? 0
        expect(seen).toBeGreaterThanOrEqual(truly)
        expect(seen - overcount).toBeLessThanOrEqual(truly)
        expect(overcount).toBeLessThanOrEqual(stream.length / capacity)
      }
      const heavy = [...truth].filter(([, sightings]) => sightings.length > stream.length / capacity).map(([key]) => key)
      reached.longest = Math.max(reached.longest, stream.length)
      if (held.some(({ overcount }) => overcount > 0)) reached.evicted += 1
      if (heavy.length > 0) reached.heavy += 1
      expect(heavy.filter((key) => !held.some((one) => one.key === key))).toEqual([])
      expect(held.reduce((sum, { seen }) => sum + seen, 0)).toBe(stream.length)
    }),
    { numRuns: 100 },
  )
  // Streams were long, keys pushed others out, and some were heavy all the same.
  expect(reached.longest).toBeGreaterThan(300)
  for (const count of [reached.evicted, reached.heavy]) expect(count).toBeGreaterThan(30)
})

const violation = { limitId: 'rl_1', key: 'k', endpoint: 'GET /', shadow: false }

test('totals are exact by limit, endpoint and hour, refusals and shadows apart, and begin anew when handed out', () => {
  const counts = violationCounts()
  counts.note(violation, 1)
  counts.note(violation, 1)
  counts.note({ ...violation, shadow: true }, 1)
  counts.note({ ...violation, endpoint: '' }, 1)
  counts.note(violation, 2)
  counts.note({ ...violation, limitId: 'rl_2' }, 2)
  const of = { limitId: 'rl_1', hour: 1, endpoint: 'GET /', refused: 1, wouldRefuse: 0 }
  const { totals, heavies } = counts.drain()
  expect(totals).toEqual([
    { ...of, refused: 2, wouldRefuse: 1 },
    { ...of, endpoint: '' },
    { ...of, hour: 2 },
    { ...of, limitId: 'rl_2', hour: 2 },
  ])
  expect(heavies[0]).toEqual({ limitId: 'rl_1', hour: 1, key: 'k', seen: 4, overcount: 0 })
  expect(counts.drain()).toEqual({ totals: [], heavies: [] })
})

test('a hundred thousand made-up keys and endpoints take a bounded place, keep the total exact, and do not hide the heaviest', () => {
  const counts = violationCounts()
  for (let i = 0; i < 100_000; i += 1) {
    counts.note({ ...violation, key: `made-up-${i}`, endpoint: `GET /${i}` }, 1)
    if (i % 20 === 0) counts.note({ ...violation, key: 'the heaviest' }, 1)
  }
  const { totals, heavies } = counts.drain()
  expect(totals.length).toBeLessThanOrEqual(201)
  expect(totals.map(({ endpoint }) => endpoint)).toContain(OTHER_ENDPOINTS)
  expect(totals.reduce((sum, { refused }) => sum + refused, 0)).toBe(105_000)
  expect(heavies.length).toBeLessThanOrEqual(20)
  expect(heavies[0]?.key).toBe('the heaviest')
})

test('what could not be written is counted in the next flush', () => {
  const counts = violationCounts()
  counts.note(violation, 1)
  const batch = counts.drain()
  counts.note(violation, 1)
  counts.restore(batch)
  expect(counts.drain().totals).toMatchObject([{ refused: 2 }])
})
