import { expect, test } from 'vitest'
import { amountOf, ceilingOf, costOf, usedOf } from './cost.ts'
import type { Policy } from './limiter/policy.ts'

const COUNT: Policy = { algorithm: 'FIXED_WINDOW', limit: 10, windowMs: 1_000 }
const MONEY: Policy = { algorithm: 'COST_BASED', limit: '12.50', windowMs: 1_000 }

test.each([
  ['one, unless told', COUNT, {}, true, 1],
  ['what is told', COUNT, { cost: 7 }, true, 7],
  ['nothing', COUNT, { cost: 0 }, true, 0],
  ['a count, whatever it costs besides', COUNT, { cost: 2, spend: 9n }, true, 2],
  ['money', MONEY, { spend: 37_500_000_000n }, true, 37_500_000_000],
  ['the least money there is', MONEY, { spend: 1n }, true, 1],
  ['the most money', MONEY, { spend: 2n ** 52n }, true, 2 ** 52],
  ['money that nobody told, of a limit that nobody named', MONEY, { cost: 3 }, false, 0],
  ['a look at money', MONEY, { cost: 0 }, true, 0],
])('a request costs %s', (_name, policy, stated, named, cost) => {
  expect(costOf(policy, stated, named)).toBe(cost)
})

test.each([
  ['a named limit of spend without an amount', {}, 'amount_missing'],
  ['more money than is counted exactly', { spend: 2n ** 52n + 1n }, 'amount_too_large'],
])('%s is refused', (_name, stated, code) => {
  expect(() => costOf(MONEY, stated, true)).toThrow(expect.objectContaining({ code }))
})

test('counts are told as they are, money as decimals, and what cannot be told exactly as unknown', () => {
  expect([ceilingOf(COUNT), amountOf(COUNT, 4), usedOf(COUNT, 4)]).toEqual([10, 4, 6])
  expect([ceilingOf(MONEY), amountOf(MONEY, 4e12), usedOf(MONEY, 4e12)]).toEqual(['12.5', '4', '8.5'])
  expect(usedOf({ ...MONEY, limit: '1000000' }, Number.MAX_SAFE_INTEGER)).toBeNull()
})
