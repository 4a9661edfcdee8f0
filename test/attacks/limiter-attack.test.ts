import { expect, test } from 'vitest'
import { openStand } from '../faults/stand.ts'
import { growth } from './growth.ts'
import { attack, BEHIND_PROXY } from './limiter-attack.ts'
import { churn } from './limiter-churn.ts'

test('keys that are made up without end take the memory of the cap, and none that is used up is forgotten for them', async () => {
  const { samples, most, requests, wrong } = await churn({ keys: 50_000, blocked: 2_000, milliseconds: 2_000, everyMs: 200 })
  expect(wrong).toEqual([])
  expect(most).toBe(50_000)
  expect(requests).toBeGreaterThan(2 * 50_000)
  // The counts; buffers of other origin make up the hundredth.
  const arrays = samples.map((sample) => sample.arrays)
  expect(Math.max(...arrays)).toBeLessThanOrEqual(1.01 * (arrays[0] ?? 0))
}, 60_000)

test('a slope is that of the line which fits best', () => {
  const line = [0, 30, 60].map((at) => ({ at, value: 100 + at / 6 }))
  expect(growth(line)).toEqual({ mean: 105, perMinute: expect.closeTo(10), part: expect.closeTo(10 / 105) })
})

test('while strangers attack from a hundred thousand addresses, each call of a tenant is served', async () => {
  const stand = await openStand({ env: { ...BEHIND_PROXY, ADDRESS_REQUESTS_PER_MINUTE: '60' } })
  try {
    const options = { stand, calmMs: 500, attackMs: 4_000, addresses: 100_000, connections: 32, everyMs: 500 }
    const { calm, attacked, strangers, samples } = await attack(options)
    expect([calm.failed, attacked.failed]).toEqual([{}, {}])
    expect(attacked.calls).toBeGreaterThan(0)
    expect(Object.keys(strangers).sort()).toEqual(['401', '429'])
    expect(Math.max(...samples.map(({ addresses }) => addresses))).toBeLessThanOrEqual(100_000)
    expect(samples.at(-1)?.addresses).toBeGreaterThan(0)
  } finally {
    await stand.close()
  }
}, 90_000)
