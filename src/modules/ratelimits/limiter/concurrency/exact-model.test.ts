import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { InFlightAsk } from './in-flight.ts'
import { concurrencyLimiter } from './memory.ts'

const HOLDER_MS = 100
const LEASE_MS = 250
const LIMITS: Readonly<Record<string, number>> = { x: 3, y: 5 }

interface Lease {
  readonly id: string
  readonly holder: string
  readonly asks: readonly (InFlightAsk & { readonly cost: number })[]
  readonly atMs: number
  readonly heardMs: number
}

/** Every lease in a list, everything counted anew at every question. */
const exact = () => {
  let [leases, latest]: [Lease[], number] = [[], 0]
  const at = (ms: number): number => {
    latest = Math.max(latest, ms)
    leases = leases.filter(({ atMs, heardMs }) => atMs + LEASE_MS > latest && heardMs + HOLDER_MS > latest)
    return latest
  }
  const heard = (holder: string): void => {
    leases = leases.map((lease) => (lease.holder === holder ? { ...lease, heardMs: latest } : lease))
  }
  const drop = (gone: (lease: Lease) => boolean): number => {
    const before = leases.length
    leases = leases.filter((lease) => !gone(lease))
    return before - leases.length
  }
  const inFlight = (limit: string, key: string): number =>
    leases
      .flatMap(({ asks }) => asks)
      .filter((ask) => ask.limit === limit && ask.key === key)
      .reduce((sum, { cost }) => sum + cost, 0)
  return {
    at,
    inFlight,
    release: (id: string): boolean => drop((lease) => lease.id === id) > 0,
    drop: (holder: string): number => drop((lease) => lease.holder === holder),
    reset: (limit: string, key: string): number => drop(({ asks }) => asks.some((ask) => ask.limit === limit && ask.key === key)),
    renew(holder: string): number {
      heard(holder)
      return leases.filter((lease) => lease.holder === holder).length
    },
    acquire(id: string, holder: string, asks: Lease['asks']): boolean {
      const known = leases.some((lease) => lease.id === id)
      const fits = asks.every(({ limit, key, cost, most = LIMITS[limit] ?? 0 }) => inFlight(limit, key) + cost <= most)
      if (asks.every(({ cost }) => cost === 0)) return fits
      if (!fits && !known) return false
      if (!known) leases.push({ id, holder, asks, atMs: latest, heardMs: latest })
      heard(holder)
      return true
    },
  }
}

const name = fc.constantFrom('a', 'b', 'c')
const id = fc.integer({ min: 0, max: 9 }).map(String)
const asks = fc.uniqueArray(
  fc.record(
    {
      limit: fc.constantFrom('x', 'y'),
      key: fc.constantFrom('k', 'l'),
      cost: fc.integer({ min: 0, max: 4 }),
      most: fc.integer({ min: 0, max: 5 }),
    },
    { requiredKeys: ['limit', 'key', 'cost'] },
  ),
  { selector: ({ limit }) => limit, minLength: 1, maxLength: 2 },
)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('acquire' as const), id, holder: name, asks }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('renew' as const), holder: name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), holder: name }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('reset' as const), limit: fc.constantFrom('x', 'y'), key: fc.constantFrom('k', 'l') }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: -50, max: 120 }) }) },
)

test('leases agree step by step with a list of all of them, over any order of calls and a clock that steps back', () => {
  let steps = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), (script) => {
      let ms = 1_000_000
      const model = exact()
      const limiter = concurrencyLimiter({ limits: LIMITS, holderTtlMs: HOLDER_MS, leaseTtlMs: LEASE_MS, now: () => ms * 1_000 })
      for (const one of script) {
        steps += 1
        if (one.do === 'wait') ms += one.ms
        model.at(ms)
        if (one.do === 'acquire')
          expect(limiter.tryAcquireAll(one.asks, one).allowed).toBe(model.acquire(one.id, one.holder, one.asks))
        if (one.do === 'release') expect(limiter.release(one.id)).toBe(model.release(one.id))
        if (one.do === 'renew') expect(limiter.renew(one.holder)).toBe(model.renew(one.holder))
        if (one.do === 'drop') expect(limiter.drop(one.holder)).toBe(model.drop(one.holder))
        if (one.do === 'reset') expect(limiter.reset(one.limit, one.key)).toBe(model.reset(one.limit, one.key))
        for (const limit of ['x', 'y'])
          for (const key of ['k', 'l']) {
            expect(limiter.inFlight(limit, key)).toBe(model.inFlight(limit, key))
            expect(limiter.inFlight(limit, key)).toBeLessThanOrEqual(5)
          }
      }
    }),
    { seed: 3, numRuns: 300 },
  )
  expect(steps).toBeGreaterThan(10_000)
})
