import { expect, test } from 'vitest'
import { planCache } from './plan-cache.ts'

const bench = (maxTenants?: number) => {
  const state = { at: 0, rate: 10, looks: 0, away: false }
  const waiting: (() => void)[] = []
  const rates = planCache(
    async () => {
      state.looks += 1
      const { rate } = state
      await new Promise<void>((resolve) => waiting.push(resolve))
      if (state.away) throw new Error('the database is away')
      return rate
    },
    { monotonicMs: () => state.at, ...(maxTenants === undefined ? {} : { maxTenants }) },
  )
  return {
    state,
    rates,
    answer: async () => {
      for (const resolve of waiting.splice(0)) resolve()
      await new Promise((resolve) => setImmediate(resolve))
    },
    async learn(tenantId = 'tnt_a') {
      const asked = rates.of(tenantId)
      await this.answer()
      return asked
    },
  }
}

test('all who ask at once for a plan that nobody knows wait for one look', async () => {
  const b = bench()
  const asked = [b.rates.of('tnt_a'), b.rates.of('tnt_a')]
  await b.answer()
  expect(await Promise.all(asked)).toEqual([10, 10])
  expect(b.state.looks).toBe(1)
})

test('while requests come, none waits: a rate of half a second is served, and looked at anew behind it', async () => {
  const b = bench()
  await b.learn()
  Object.assign(b.state, { at: 499, rate: 20 })
  expect(b.rates.of('tnt_a')).toBe(10)
  expect(b.state.looks).toBe(1)
  b.state.at = 999
  expect(b.rates.of('tnt_a')).toBe(10)
  await b.answer()
  expect(b.rates.of('tnt_a')).toBe(20)
  expect(b.state.looks).toBe(2)
})

test('a changed plan holds within a second, also for a tenant that comes back after a while', async () => {
  const b = bench()
  await b.learn()
  Object.assign(b.state, { at: 1_000, rate: 20 })
  expect(await b.learn()).toBe(20)
})

test('a rate that is known holds while the database is away, with two looks a second; an unknown one is no number', async () => {
  const b = bench()
  await b.learn()
  Object.assign(b.state, { at: 5_000, away: true })
  expect(await b.learn()).toBe(10)
  expect(b.rates.of('tnt_a')).toBe(10)
  expect(b.state.looks).toBe(2)
  const unknown = b.rates.of('tnt_b')
  await Promise.all([expect(unknown).rejects.toThrow('away'), b.answer()])
  b.state.away = false
  expect(await b.learn('tnt_b')).toBe(10)
})

test('no more tenants are remembered than there is room for', async () => {
  const b = bench(2)
  for (const id of ['tnt_a', 'tnt_b', 'tnt_c']) await b.learn(id)
  expect(b.rates.of('tnt_c')).toBe(10)
  expect(b.rates.of('tnt_b')).toBe(10)
  expect(b.rates.of('tnt_a')).toBeInstanceOf(Promise)
  await b.answer()
})
