import { expect, test } from 'vitest'
import type { Core } from './core.ts'
import { epochWindows, fixedWindow } from './fixed-window.ts'
import { slidingCounter } from './sliding-counter.ts'
import { slidingWindow } from './sliding-window.ts'
import { tokenBucket } from './token-bucket.ts'

const LIMIT = 100
const WINDOW_US = 1_000_000
const START = 1_700_000_000_000_000

/** SW13: takes all it can at one moment, then asks every `pollUs` and takes what there is; the most that any trailing window held. */
const most = (core: Core, burstAt: number, pollUs: number): number => {
  const rows = new Float64Array(core.width)
  const taken: [at: number, amount: number][] = []
  for (let at = START + burstAt; at < START + burstAt + 3 * WINDOW_US; at += pollUs) {
    core.advance(rows, 0, at)
    const room = core.room(rows, 0, at)
    if (room <= 0) continue
    core.take(rows, 0, at, room)
    taken.push([at, room])
  }
  let [highest, held, first] = [0, 0, 0]
  for (const [at, amount] of taken) {
    held += amount
    while ((taken[first]?.[0] ?? at) <= at - WINDOW_US) held -= taken[first++]?.[1] ?? 0
    highest = Math.max(highest, held)
  }
  return highest
}

const worst = (core: Core): number =>
  Math.max(
    ...[0, 1, 49_999, 500_000, 900_000, 999_999].flatMap((burstAt) =>
      [1_000, 997, 10_007].map((poll) => most(core, burstAt, poll)),
    ),
  )

test('SW13: under a burst and polls the ring holds its limit in every trailing window, where the others let nearly twice as much through', () => {
  for (const buckets of [10, 20, 60]) expect(worst(slidingWindow({ limit: LIMIT, windowUs: WINDOW_US, buckets }))).toBe(LIMIT)
  expect(worst(fixedWindow({ limit: LIMIT, endOf: epochWindows(WINDOW_US) }))).toBe(200)
  expect(worst(slidingCounter({ limit: LIMIT, windowUs: WINDOW_US }))).toBeGreaterThanOrEqual(198)
  expect(worst(tokenBucket({ capacity: LIMIT, tokens: LIMIT, perUs: WINDOW_US }))).toBeGreaterThanOrEqual(198)
})
