import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/harness/runs.ts'
import type { Core } from './core.ts'
import { evenWindows } from './debt-windows.ts'
import { epochWindows, firstUseWindows } from './fixed-window.ts'
import { spendWindow } from './spend-window.ts'

const WINDOW_US = 60_000_000
const START = 1_700_000_000_000_000 - (1_700_000_000_000_000 % WINDOW_US)
const DOLLAR = 1_000_000_000_000

const coreOf = (limitPico: bigint, endOf = epochWindows(WINDOW_US)): Core =>
  spendWindow({ limitPico, windows: evenWindows(endOf, WINDOW_US) })
const dollars = (n: number): Core => coreOf(BigInt(n * DOLLAR))

/** A key that policies of several limits count for. */
const stand = () => {
  const rows = new Float64Array(16)
  let now = START
  return {
    wait: (us: number) => {
      now += us
    },
    take: (core: Core, amount: number) => {
      core.advance(rows, 0, now)
      core.take(rows, 0, now, amount)
    },
    told: (core: Core, amount: number) => {
      core.advance(rows, 0, now)
      return { room: core.room(rows, 0, now), wait: core.wait(rows, 0, now, amount), reset: core.reset(rows, 0, now) }
    },
  }
}

test('what was within the limit is no debt under a smaller one: nothing fits in this window, all in the next', () => {
  const { take, told, wait } = stand()
  take(dollars(100), 30 * DOLLAR)
  expect(told(dollars(1), 1)).toEqual({ room: -29 * DOLLAR, wait: WINDOW_US, reset: WINDOW_US })
  wait(WINDOW_US)
  expect(told(dollars(1), DOLLAR)).toEqual({ room: DOLLAR, wait: 0, reset: 0 })
})

test('of what is taken beyond a smaller limit that alone is debt', () => {
  const { take, told, wait } = stand()
  take(dollars(100), 30 * DOLLAR)
  take(dollars(10), 5 * DOLLAR)
  expect(told(dollars(10), 10 * DOLLAR)).toEqual({ room: -25 * DOLLAR, wait: 2 * WINDOW_US, reset: 2 * WINDOW_US })
  wait(WINDOW_US)
  expect(told(dollars(10), 5 * DOLLAR)).toEqual({ room: 5 * DOLLAR, wait: 0, reset: WINDOW_US })
})

test('debt is paid by the largest limit that the key took under, whoever looks meanwhile', () => {
  const debts = [dollars(1), dollars(1_000), dollars(0)].map((onlooker) => {
    const { take, told, wait } = stand()
    take(dollars(10), 45 * DOLLAR)
    for (let n = 0; n < 3; n += 1) {
      wait(WINDOW_US)
      told(onlooker, 1)
    }
    return told(dollars(10), 6 * DOLLAR)
  })
  // 45 spent is 35 of debt, of which two windows have paid 20.
  expect(debts).toEqual(Array(3).fill({ room: -5 * DOLLAR, wait: 2 * WINDOW_US, reset: 2 * WINDOW_US }))
  const { take, told, wait } = stand()
  take(dollars(10), 45 * DOLLAR)
  take(dollars(30), 1)
  wait(WINDOW_US)
  expect(told(dollars(10), 1)).toMatchObject({ room: -25 * DOLLAR - 1, reset: 2 * WINDOW_US })
})

test('a limit of nothing forgives what went beyond it with the window', () => {
  const { take, told, wait } = stand()
  take(dollars(0), 7)
  expect(told(dollars(0), 0)).toEqual({ room: -7, wait: WINDOW_US, reset: WINDOW_US })
  wait(WINDOW_US)
  expect(told(dollars(1), DOLLAR)).toEqual({ room: DOLLAR, wait: 0, reset: 0 })
})

/** What each window does, one after the other. */
const model = () => {
  let [window, spent, debt, pace] = [Math.floor(START / WINDOW_US), 0n, 0n, 0n]
  return {
    advance(now: number): void {
      for (const current = Math.floor(now / WINDOW_US); window < current; window += 1) {
        spent = pace === 0n ? 0n : debt
        debt = spent > pace ? spent - pace : 0n
        if (debt === 0n) pace = 0n
      }
    },
    take(limit: bigint, amount: bigint): void {
      const room = limit > spent ? limit - spent : 0n
      spent += amount
      if (amount > room) debt += amount - room
      if (debt > 0n && limit > pace) pace = limit
    },
    giveBack(amount: bigint): void {
      spent = spent > amount ? spent - amount : 0n
      debt = debt > amount ? debt - amount : 0n
      if (debt === 0n) pace = 0n
    },
    spent: () => spent,
  }
}

const LIMITS = [0n, 3n, 10n, 40n, 7_000_000_000_001n, 20_000n * BigInt(DOLLAR)]
const RUNS = runs(500, 100)
const step = fc.record({
  gap: fc.oneof(fc.constant(0), fc.nat(WINDOW_US), fc.constantFrom(WINDOW_US, 7 * WINDOW_US + 1, 100 * WINDOW_US)),
  limit: fc.constantFrom(...LIMITS),
  what: fc.constantFrom('acquire', 'charge', 'giveBack', 'look'),
  amount: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(DOLLAR, 9_000 * DOLLAR, 2 ** 53 - 1)),
})

test('over limits that change from step to step it counts as one window after the other does, and tells when what is owed is paid', () => {
  const reached = { longest: 0, owed: 0, paidLater: 0 }
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
      const rows = new Float64Array(8)
      const expected = model()
      reached.longest = Math.max(reached.longest, steps.length)
      let now = START
      for (const { gap, limit, what, amount } of steps) {
        now += gap
        const core = coreOf(limit)
        core.advance(rows, 0, now)
        expected.advance(now)
        if (gap >= WINDOW_US && expected.spent() > 0n) reached.owed += 1
        const fits = core.room(rows, 0, now) >= amount
        if (what === 'charge' || (what === 'acquire' && fits)) {
          core.take(rows, 0, now, amount)
          expected.take(limit, BigInt(amount))
        }
        if (what === 'giveBack') {
          core.giveBack(rows, 0, now, amount, core.stamp(rows, 0, now, amount))
          expected.giveBack(BigInt(amount))
        }
        expect(BigInt(rows[2] as number) * BigInt(DOLLAR) + BigInt(rows[3] as number)).toBe(expected.spent())
        for (const [until, isOver] of [
          [core.wait(rows, 0, now, amount), (row: Float64Array, at: number) => core.room(row, 0, at) >= amount],
          [core.reset(rows, 0, now), (row: Float64Array, at: number) => core.reset(row, 0, at) === 0],
        ] as const) {
          if (until === 0 || until > 2 ** 50) continue
          if (until > WINDOW_US) reached.paidLater += 1
          const [before, after] = [rows.slice(), rows.slice()]
          core.advance(before, 0, now + until - 1)
          core.advance(after, 0, now + until)
          expect(isOver(before, now + until - 1)).toBe(false)
          expect(isOver(after, now + until)).toBe(true)
        }
      }
    }),
    { numRuns: RUNS },
  )
  // Debt went over into later windows, and was told to be paid in one after the next.
  expect(reached.longest).toBeGreaterThan(50)
  for (const count of [reached.owed, reached.paidLater]) expect(count).toBeGreaterThan(RUNS)
})

test('what only fits is never debt, whatever the limits are: the next window is fresh', () => {
  let full = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.boolean(), (steps, byEpoch) => {
      const endOf = byEpoch ? epochWindows(WINDOW_US) : firstUseWindows(WINDOW_US)
      const rows = new Float64Array(8)
      let now = START
      for (const { gap, limit, amount } of steps) {
        now += gap
        const core = coreOf(limit, endOf)
        core.advance(rows, 0, now)
        if (core.room(rows, 0, now) >= amount) core.take(rows, 0, now, amount)
        else full += 1
        expect(core.reset(rows, 0, now)).toBeLessThanOrEqual(WINDOW_US)
      }
      now += WINDOW_US
      const small = coreOf(1n, endOf)
      small.advance(rows, 0, now)
      expect(small.room(rows, 0, now)).toBe(1)
    }),
    { numRuns: RUNS },
  )
  expect(full).toBeGreaterThan(5 * RUNS)
})
