import { expect, test } from 'vitest'
import { epochWindows, fixedWindow } from '../cores/fixed-window.ts'
import { endsOf } from '../reservation.ts'
import { holdsOf } from './holds.ts'

const SECOND = 1_000_000
const HOUR_MS = 3_600_000

test('of windows that end long before their reservations nothing is kept', () => {
  const core = fixedWindow({ limit: 10, endOf: epochWindows(SECOND) })
  const rows = new Float64Array(core.width)
  let looked = 0
  const counts: typeof core.counts = (...of) => {
    looked += 1
    return core.counts(...of)
  }
  const holds = holdsOf({ ...core, counts })
  for (let i = 0, now = 0; i < 1_000; i += 1, now += SECOND) {
    core.advance(rows, 0, now)
    core.take(rows, 0, now, 1)
    holds.add(0, rows, 0, now, 1, endsOf(now, HOUR_MS))
  }
  expect(looked).toBeLessThan(1_000)
})
