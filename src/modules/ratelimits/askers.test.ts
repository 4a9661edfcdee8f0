import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { askerOf } from './asker.ts'
import { type Asker, type Askers, demandOf, see, together } from './askers.ts'
import type { LimitScope, Subject } from './limit.ts'
import { keyOf } from './limit-key.ts'

const limitBy = (...scopes: LimitScope[]) => {
  const current = { scopes }
  return (subject: Subject): Asker => askerOf({ id: 'rl_1', current }, subject, String(keyOf(current, subject)))
}
const perTenant = limitBy('PER_TENANT')
const perUser = limitBy('PER_USER')
const perIp = limitBy('PER_IP')

/** `refused` of `asked` requests. */
const ask = (askers: Askers, asker: Asker, asked: number, refused: number): void => {
  for (let i = 0; i < asked; i += 1) see(askers, asker, i < refused)
}
const each = (n: number, name: (i: number) => Asker, asked: number, refused: number, askers: Askers = new Map()): Askers => {
  for (let i = 0; i < n; i += 1) ask(askers, name(i), asked, refused)
  return askers
}
const tenant = (i: number): Asker => perTenant({ tenantId: `tnt_${i}` })
const address = (i: number): Asker => perIp({ ip: `198.51.${i >> 8}.${i & 255}` })
const sizes = (askers: Askers): number[] => [...askers.values()].map(({ size }) => size)

describe('what is held', () => {
  test('20,000 addresses take the place of 256, and 10,000 names of one tenant that of its share', () => {
    const names = 20_000
    expect(sizes(each(names, (i) => perIp({ ip: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }), 1, 0))).toEqual(
      Array(256).fill(1),
    )
    const askers = each(3, (i) => perUser({ tenantId: `tnt_${i}`, userId: 'u' }), 1, 0)
    each(names / 2, (i) => perUser({ tenantId: 'tnt_9', userId: `u${i}` }), 1, 0, askers)
    expect(sizes(askers).sort((a, b) => a - b)).toEqual([1, 1, 1, 64])
  })

  test('of each key that is held every request is counted, and three servers hold together what one would', () => {
    const request = fc.record({
      tenantId: fc.integer({ min: 0, max: 400 }).map((n) => `tnt_${n}`),
      userId: fc.integer({ min: 0, max: 20 }).map((n) => `u${n}`),
      refused: fc.boolean(),
      server: fc.integer({ min: 0, max: 2 }),
    })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 1_500, size: 'max' }), (requests) => {
        const truth = new Map<string, [asked: number, refused: number]>()
        const one: Askers = new Map()
        const servers: readonly Askers[] = [new Map(), new Map(), new Map()]
        for (const { refused, server, ...subject } of requests) {
          const asker = perUser(subject)
          see(one, asker, refused)
          see(servers[server] ?? one, asker, refused)
          const [asked, of] = truth.get(asker.key) ?? [0, 0]
          truth.set(asker.key, [asked + 1, of + (refused ? 1 : 0)])
        }
        expect(servers.reduce(together)).toEqual(one)
        const held = [...one.values()].flatMap((keys) => [...keys])
        expect(held.length).toBeLessThanOrEqual(256)
        for (const [key, { asked, refused }] of held) expect(truth.get(key)).toEqual([asked, refused])
      }),
      { seed: 3, numRuns: 20 },
    )
  })

  test('putting servers together changes neither', () => {
    const [a, b] = [each(3, tenant, 2, 1), each(3, tenant, 5, 0)]
    together(a, b)
    expect([a, b]).toEqual([each(3, tenant, 2, 1), each(3, tenant, 5, 0)])
  })
})

describe('the block rate of those who ask', () => {
  test('is 0 where of a thousand keys one is refused 100,000 times, and the others never', () => {
    const askers = each(999, tenant, 2, 0)
    ask(askers, perTenant({ tenantId: 'tnt_greedy' }), 100_000, 100_000)
    expect(demandOf(askers)).toEqual({ blockRate: 0, isOfOne: false })
  })

  test('is a half where a thousand keys are refused half of what they ask', () => {
    expect(demandOf(each(1_000, tenant, 10, 5))).toEqual({ blockRate: 0.5, isOfOne: false })
    expect(demandOf(each(1_000, address, 10, 5))).toEqual({ blockRate: 0.5, isOfOne: false })
  })

  test('is 0.3 within 0.06 where three in ten of a thousand keys are refused, of which a quarter is held', () => {
    const askers = each(700, tenant, 10, 0)
    each(300, (i) => tenant(700 + i), 10, 10, askers)
    expect(Math.abs((demandOf(askers)?.blockRate ?? 0) - 0.3)).toBeLessThan(0.06)
  })

  test('is that of the others beside one who is refused most, whatever that one asks', () => {
    const other = fc.tuple(fc.integer({ min: 20, max: 60 }), fc.integer({ min: 0, max: 19 }))
    fc.assert(
      fc.property(
        fc.array(other, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.integer({ min: 1, max: 3_000 }),
        (others, hammered) => {
          const askers: Askers = new Map()
          for (const [i, [asked, refused]] of others.entries()) ask(askers, tenant(i), asked, refused)
          ask(askers, perTenant({ tenantId: 'tnt_greedy' }), hammered, hammered)
          const mean = others.reduce((sum, [asked, refused]) => sum + refused / asked, 0) / others.length
          expect(demandOf(askers)?.blockRate).toBeCloseTo(mean, 12)
          expect(demandOf(askers)?.isOfOne).toBe(false)
        },
      ),
      { seed: 3, numRuns: 100 },
    )
  })

  test('counts a tenant once, however many users it names', () => {
    const askers = each(3, (i) => perUser({ tenantId: `tnt_${i}`, userId: 'u' }), 20, 2)
    each(500, (i) => perUser({ tenantId: 'tnt_9', userId: `u${i}` }), 20, 20, askers)
    expect(demandOf(askers)?.blockRate).toBeCloseTo(0.1, 12)
  })

  test('counts the users of a tenant that is alone, but for the one that is refused most', () => {
    const user = (i: number) => perUser({ tenantId: 'tnt_1', userId: `u${i}` })
    const askers = each(100, user, 10, 1)
    ask(askers, user(100), 10_000, 10_000)
    expect(demandOf(askers)?.blockRate).toBeCloseTo(0.1, 12)
  })

  test('is that of one where nobody else asks, or the others too little to go by', () => {
    const askers = each(1, tenant, 100, 80)
    expect(demandOf(askers)).toEqual({ blockRate: 0.8, isOfOne: true })
    ask(askers, tenant(1), 19, 0)
    expect(demandOf(askers)).toEqual({ blockRate: 0.4, isOfOne: true })
    ask(askers, tenant(1), 1, 0)
    expect(demandOf(askers)).toEqual({ blockRate: 0, isOfOne: false })
    expect(demandOf(new Map())).toBeUndefined()
  })

  test('is that of all where a limit counts nobody apart: what all share is nobody’s own', () => {
    expect(demandOf(each(10, (i) => limitBy('GLOBAL')({ tenantId: `tnt_${i}` }), 10, 4))).toEqual({
      blockRate: 0.4,
      isOfOne: false,
    })
    const endpoint = limitBy('PER_ENDPOINT')({ tenantId: 'tnt_1', endpoint: 'POST /v1/chat' })
    expect(demandOf(each(1, () => endpoint, 10, 4))).toEqual({ blockRate: 0.4, isOfOne: false })
  })
})
