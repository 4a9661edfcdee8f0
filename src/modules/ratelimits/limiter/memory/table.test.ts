import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/harness/runs.ts'
import { table } from './table.ts'

test('a table is a map of keys to rows: what is added is found with its numbers, what is removed is not, and slots are used again', () => {
  // Removed one time in six, so that of 401 keys more than fit would stay.
  const step = fc.record({ remove: fc.nat(5).map((n) => n === 0), key: fc.nat(400).map((n) => `k${n}`), value: fc.nat() })
  const reached = { slots: 0, refused: 0, reused: 0, longest: 0 }
  fc.assert(
    fc.property(fc.array(step, { minLength: 1_000, maxLength: 2_000, size: 'max' }), fc.integer(), (steps, seed) => {
      const entries = table(2, 300, seed)
      const model = new Map<string, number>()
      let most = 0
      for (const { remove, key, value } of steps) {
        const slot = entries.find(key)
        expect(slot >= 0).toBe(model.has(key))
        if (slot >= 0) {
          expect(entries.rows()[slot * 2 + 1]).toBe(model.get(key))
          if (remove) {
            entries.remove(slot)
            model.delete(key)
          }
        } else if (!remove) {
          const slots = entries.slots()
          const added = entries.add(key)
          expect(added >= 0).toBe(model.size < 300)
          if (added < 0) reached.refused += 1
          if (added < 0) continue
          if (entries.slots() === slots) reached.reused += 1
          expect([...entries.rows().subarray(added * 2, added * 2 + 2)]).toEqual([0, 0])
          entries.rows()[added * 2 + 1] = value
          model.set(key, value)
          expect(entries.keyAt(added)).toBe(key)
        }
        most = Math.max(most, model.size)
        expect(entries.size()).toBe(model.size)
        expect(entries.slots()).toBe(most)
      }
      reached.slots = Math.max(reached.slots, most)
      reached.longest = Math.max(reached.longest, steps.length)
      for (const [key, value] of model) expect(entries.rows()[entries.find(key) * 2 + 1]).toBe(value)
    }),
    { numRuns: runs(40, 15) },
  )
  // It grew from 64 slots to the cap, and refused at it.
  expect(reached.slots).toBe(300)
  expect(reached.longest).toBeGreaterThan(1_500)
  expect(reached.refused).toBeGreaterThan(200)
  expect(reached.reused).toBeGreaterThan(200)
})

test('adding and removing for ever neither slows the search down nor grows the table', () => {
  const entries = table(1, 100, 7)
  for (let i = 0; i < 200_000; i += 1) {
    const slot = entries.add(`key-${i}`)
    expect(slot).toBe(0)
    entries.remove(slot)
  }
  expect(entries.find('key-1')).toBe(-1)
  expect(entries.slots()).toBe(1)
})
