import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Caller } from '../../platform/auth/caller.ts'
import type { LimitAnswer } from '../../platform/http/request-limits.ts'
import { type PlatformLimitsOptions, platformLimits } from './platform-limits.ts'

const START_US = Date.parse('2026-01-01T00:00:00Z') * 1_000

const caller = (keyId: string, tenantId: string): Caller => ({ kind: 'tenant', keyId, tenantId, scopes: new Set() })
const A1 = caller('key_a1', 'tnt_a')
const A2 = caller('key_a2', 'tnt_a')
const B1 = caller('key_b1', 'tnt_b')

const bench = (options: Partial<PlatformLimitsOptions> = {}) => {
  let at = START_US
  const plans = new Map([
    ['tnt_a', 10],
    ['tnt_b', 10],
  ])
  const refused: string[] = []
  const limits = platformLimits({
    addressPerMinute: 5,
    keySharePercent: 100,
    rates: { of: (tenantId) => plans.get(tenantId) ?? 0 },
    refused: (by) => refused.push(...by),
    now: () => at,
    seed: 1,
    random: () => 0,
    ...options,
  })
  return {
    limits,
    plans,
    refused,
    pass: (seconds: number) => {
      at += seconds * 1_000_000
    },
    ask: (who: Caller): LimitAnswer | undefined => {
      const answer = limits.byCaller(who)
      if (answer instanceof Promise) throw new Error('the plan is known')
      return answer
    },
    admitted(who: Caller, calls: number): number {
      return Array.from({ length: calls }, () => this.ask(who)).filter((answer) => answer?.refusedBy.length === 0).length
    },
    strangers: (address: string, requests: number): number =>
      Array.from({ length: requests }, () => limits.byAddress(address)).filter((answer) => !answer).length,
  }
}

describe('by key and tenant', () => {
  test("a tenant gets its plan's calls a minute, whichever keys it uses, and another tenant is not affected", () => {
    const b = bench()
    expect(b.admitted(A1, 6)).toBe(6)
    expect(b.admitted(A2, 6)).toBe(4)
    expect(b.ask(A2)).toMatchObject({ refusedBy: ['tenant'] })
    expect(b.admitted(B1, 12)).toBe(10)
    expect(b.ask(B1)).toMatchObject({ refusedBy: ['key', 'tenant'] })
  })

  test('a key whose share is used up leaves the rest to other keys, and is refused alone', () => {
    const b = bench({ keySharePercent: 50 })
    expect(b.admitted(A1, 8)).toBe(5)
    expect(b.ask(A1)).toMatchObject({ refusedBy: ['key'], fields: { rateLimitPolicy: '"key";q=5;w=60,"tenant";q=10;w=60' } })
    expect(b.admitted(A2, 8)).toBe(5)
  })

  test('the fields tell what is left of both; a refusal when it fits again', () => {
    const b = bench()
    expect(b.ask(A1)?.fields).toEqual({
      rateLimitPolicy: '"key";q=10;w=60,"tenant";q=10;w=60',
      rateLimit: '"key";r=9;t=63,"tenant";r=9;t=63',
    })
    b.admitted(A1, 9)
    b.pass(20)
    const refusal = b.ask(A1)
    expect(refusal).toMatchObject({ retryAfter: 43, fields: { rateLimit: '"key";r=0;t=43,"tenant";r=0;t=43' } })
    b.pass(43)
    expect(b.ask(A1)).toMatchObject({ refusedBy: [], retryAfter: undefined })
  })

  test('no trailing minute holds more calls than the plan, whenever they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ after: fc.nat(25), calls: fc.nat(6) }), { minLength: 20, maxLength: 40, size: 'max' }),
        (bursts) => {
          const b = bench()
          const taken: { at: number; calls: number }[] = []
          let at = 0
          for (const { after, calls } of bursts) {
            b.pass(after)
            at += after
            taken.push({ at, calls: b.admitted(A1, calls) })
            const minute = taken.filter((burst) => burst.at > at - 60)
            expect(minute.reduce((sum, burst) => sum + burst.calls, 0)).toBeLessThanOrEqual(10)
          }
        },
      ),
    )
  })

  test('what is refused takes nothing', () => {
    const b = bench()
    b.admitted(A1, 10)
    b.pass(30)
    expect(b.admitted(A1, 100)).toBe(0)
    b.pass(33)
    expect(b.admitted(A1, 20)).toBe(10)
  })

  test('another plan holds with the next call, for what was counted before it too', () => {
    const b = bench()
    expect(b.admitted(A1, 20)).toBe(10)
    b.plans.set('tnt_a', 25)
    expect(b.admitted(A1, 20)).toBe(15)
    b.plans.set('tnt_a', 10)
    expect(b.ask(A1)?.fields.rateLimit).toBe('"key";r=0;t=63,"tenant";r=0;t=63')
  })

  test('a plan without calls refuses them all, and tells nobody to wait', () => {
    const b = bench()
    b.plans.set('tnt_a', 0)
    expect(b.ask(A1)).toMatchObject({ refusedBy: ['key', 'tenant'], retryAfter: undefined })
  })

  test('an operator is not limited', () => {
    const operator: Caller = { kind: 'operator', keyId: 'key_op', scopes: new Set(['*']) }
    expect(bench().limits.byCaller(operator)).toBeUndefined()
  })

  test('a plan that must be looked at is waited for, by nobody else, and lets no more through for it', async () => {
    const b = bench({ rates: { of: async () => 10 } })
    const answers = await Promise.all(Array.from({ length: 50 }, () => b.limits.byCaller(A1)))
    expect(answers.filter((answer) => answer?.refusedBy.length === 0)).toHaveLength(10)
  })
})

describe('by address', () => {
  test('an address gets so many requests without a valid key, an IPv6 one with its whole /64, and others are not affected', () => {
    const b = bench()
    expect(b.strangers('192.0.2.1', 8)).toBe(5)
    expect(b.strangers('::ffff:192.0.2.1', 1)).toBe(0)
    expect(b.limits.byAddress('192.0.2.1')).toMatchObject({
      refusedBy: ['address'],
      retryAfter: 12,
      fields: { rateLimit: '"address";r=0;t=12', rateLimitPolicy: '"address";q=5;w=60' },
    })
    expect(b.strangers('2001:db8::1', 3) + b.strangers('2001:db8:0:0:1::2', 8)).toBe(5)
    expect(b.strangers('192.0.2.2', 8)).toBe(5)
  })

  test('callers with a key of ours use nothing of it up, and give back nothing that others took', () => {
    const b = bench()
    b.strangers('192.0.2.1', 4)
    for (let i = 0; i < 100; i += 1) {
      expect(b.limits.byAddress('192.0.2.1')).toBeUndefined()
      b.limits.giveBack('192.0.2.1')
    }
    expect(b.strangers('192.0.2.1', 8)).toBe(1)
  })

  test('keys are looked at though the address is used up: five a second of one address, a hundred of all', () => {
    const b = bench()
    const spared = (address: string, times: number): number =>
      Array.from({ length: times }, () => b.limits.spare(address)).filter((spare) => spare).length
    expect([spared('192.0.2.1', 1_000), spared('192.0.2.2', 1_000)]).toEqual([5, 5])
    let others = 0
    for (let i = 0; i < 20_000; i += 1) others += spared(`10.0.${i >> 8}.${i & 255}`, 1)
    expect(others).toBe(90)
    b.pass(1)
    expect(spared('192.0.2.1', 1_000)).toBe(5)
  })

  test('a hundred thousand addresses take no more memory than the cap, and none that is refused is forgotten for them', () => {
    const b = bench({ maxAddresses: 1_000 })
    expect(b.strangers('192.0.2.1', 8)).toBe(5)
    for (let i = 0; i < 100_000; i += 1) b.limits.byAddress(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
    expect(b.limits.sizes().address).toBeLessThanOrEqual(1_000)
    expect(b.strangers('192.0.2.1', 3)).toBe(0)
  })
})

test('an attack is counted to the last request and written down as a sample: a hundred addresses, each once a minute', () => {
  const b = bench()
  const records: unknown[] = []
  const attack = (addresses: number): void => {
    for (let i = 0; i < addresses; i += 1)
      for (let n = 0; n < 8; n += 1) records.push(b.limits.byAddress(`10.0.${i >> 8}.${i & 255}`)?.record)
  }
  attack(2_000)
  const written = records.filter((record) => record !== undefined)
  expect(written).toHaveLength(100)
  // Of each of the hundred the second and third refusal, which the record of the next one counts.
  expect(written.slice(0, 3)).toEqual([{ unwritten: 0 }, { unwritten: 2 }, { unwritten: 2 }])
  expect(b.refused).toHaveLength(2_000 * 3)
  b.pass(61)
  records.length = 0
  attack(1)
  expect(records.filter((record) => record !== undefined)).toEqual([{ unwritten: 2 + 1_900 * 3 }])
})
