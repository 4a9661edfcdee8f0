import fc from 'fast-check'
import { expect, test } from 'vitest'
import { instant } from '../../../test/factories/subscription.ts'
import { type Period, split } from '../../lib/period.ts'
import { changePrice, type Running, restartPeriod, unusedAt } from './proration.ts'

const paid = (price: bigint, start: string, end: string): Running => {
  const period = { start: instant(start), end: instant(end) }
  return { period, price, pricedFrom: period.start, charged: price, usedWeight: 0n }
}
const after = (running: Running, price: bigint, at: Temporal.Instant): Running & { credit: bigint; charge: bigint } => ({
  ...running,
  price,
  pricedFrom: at,
  ...changePrice(running, price, at),
})

// [id, start, end, change, old price, new price, credit, charge]
test.each<[string, string, string, string, bigint, bigint, bigint, bigint]>([
  // billing.json: polarsource/polar server/tests/subscription/test_service_prorations.py
  ['proration_seconds-04', '2024-02-18', '2025-02-18', '2024-09-05', 100000n, 300000n, 45355n, 136066n],
  ['proration_seconds-05', '2023-02-18', '2024-02-18', '2023-09-05', 100000n, 300000n, 45479n, 136438n],
  ['proration_seconds-06', '2024-02-18', '2024-03-18', '2024-02-25', 10000n, 30000n, 7586n, 22759n],
  ['proration_interval_change-04', '2025-06-01', '2025-07-01', '2025-06-16', 10000n, 0n, 5000n, 0n],
  // docs.stripe.com/billing/subscriptions/prorations
  ['proration_seconds-07', '2026-04-01', '2026-05-01', '2026-04-16', 1000n, 2000n, 500n, 1000n],
  // flexprice/flexprice internal/domain/proration/calculator_test.go
  ['proration_days-02', '2024-03-01', '2024-04-01', '2024-03-15', 10000n, 3000n, 5484n, 1645n],
  ['at the start', '2026-04-01', '2026-05-01', '2026-04-01', 2999n, 9999n, 2999n, 9999n],
])('%s: %s to %s, at %s from %d to %d credits %d and charges %d', (_, start, end, at, old, price, credit, charge) => {
  expect(changePrice(paid(old, start, end), price, instant(at))).toMatchObject({ credit, charge })
})

// [id, start, end, change, old price, new period's end, new price, credit]: the cycle restarts at the change, the new price is charged whole
test.each<[string, string, string, string, bigint, string, bigint, bigint]>([
  // billing.json: polarsource/polar server/tests/subscription/test_service_prorations.py
  ['proration_interval_change-01', '2025-06-01', '2025-07-01', '2025-06-16', 10000n, '2026-06-16', 100000n, 5000n],
  ['proration_interval_change-02', '2025-06-01', '2026-06-01', '2025-08-13', 100000n, '2025-09-13', 10000n, 80000n],
  ['proration_interval_change-03', '2024-02-18', '2025-02-18', '2024-04-19', 100000n, '2024-05-19', 10000n, 83333n],
])('%s: %s to %s, cut at %s', (_, start, end, at, old, nextEnd, price, credit) => {
  const next = { start: instant(at), end: instant(nextEnd) }
  expect(restartPeriod(paid(old, start, end), price, next)).toMatchObject({ credit, charge: price, charged: price })
})

test('a credit is capped by what was charged and not yet credited', () => {
  // billing.json proration_cap-01, proration_cap-02: flexprice calculator_test.go takes min(credit, paid − credited). Here nothing needs a cap: the credit IS
  // what was charged less what was used, so the same sums come out: 150 of 200 after a credit of 50, 20 after 180.
  const period = { start: instant('2026-04-01'), end: instant('2026-05-01') }
  const left = (charged: bigint): Running => ({ period, price: 200n, pricedFrom: period.start, charged, usedWeight: 0n })
  expect([unusedAt(left(200n - 50n), period.start), unusedAt(left(200n - 180n), period.start)]).toEqual([150n, 20n])
})

const APRIL: Period = { start: instant('2026-04-01'), end: instant('2026-05-01') }
const LENGTH = 30n * 86_400n
const aPrice = fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: 10n ** 13n }))
const someChanges = fc.array(fc.record({ second: fc.integer({ min: 0, max: 30 * 86_400 - 1 }), price: aPrice }), {
  maxLength: 40,
  size: 'max',
})

/** Plays changes in one month and gives what was billed and, × LENGTH, the exact worth of what ran. */
const play = (first: bigint, changes: readonly { second: number; price: bigint }[]) => {
  let running = paid(first, '2026-04-01', '2026-05-01')
  let billed = first
  let exact = 0n
  let [price, since] = [first, 0]
  for (const change of changes.toSorted((a, b) => a.second - b.second)) {
    const done = after(running, change.price, APRIL.start.add({ seconds: change.second }))
    expect(done.credit >= 0n && done.charge >= 0n && done.credit <= running.charged).toBe(true)
    exact += price * BigInt(change.second - since)
    billed += done.charge - done.credit
    expect(done.charged).toBe(billed)
    ;[running, price, since] = [done, change.price, change.second]
  }
  return { running, billed, exact: exact + price * (LENGTH - BigInt(since)) }
}

test('any changes whatever: credits never exceed charges, and the month costs what ran, within one minor unit', () => {
  fc.assert(
    fc.property(aPrice, someChanges, (first, changes) => {
      const { billed, exact } = play(first, changes)
      expect(billed >= 0n).toBe(true)
      const off = billed * LENGTH - exact
      expect(off <= LENGTH && off >= -LENGTH).toBe(true)
    }),
    { numRuns: 500 },
  )
})

// attacks.json MONEY-06: rounding must not be harvested. Prices are minor units, so JPY (999) and KWD (999990) are the same sums.
test.each([
  ['every other second, the cent falls in the free one', 1, 99_999n, 0n],
  ['each 26 s, about the time of one cent', 26, 99_999n, 0n],
  ['between two paid plans', 13, 99_999n, 29_999n],
  ['a price without minor digits', 97, 999n, 0n],
  ['a price with three', 7, 999_990n, 1n],
])('10,000 changes %s: the month is within one minor unit of what ran', (_, step, high, low) => {
  const changes = Array.from({ length: 10_000 }, (_none, index) => ({
    second: (index + 1) * step,
    price: index % 2 === 0 ? low : high,
  }))
  const { billed, exact } = play(high, changes)
  const off = billed * LENGTH - exact
  expect(off <= LENGTH && off >= -LENGTH).toBe(true)
})

test('on the dearest plan but for the seconds in which a cent falls: splitting price by price bills 0.00, this what ran', () => {
  const dear = 99_999n
  const rest = (second: number): bigint => split(dear, APRIL, APRIL.start.add({ seconds: second })).unused
  const changes: { second: number; price: bigint }[] = []
  let naive = dear
  for (let second = 1; changes.length < 5_000; second += 1) {
    const falls = rest(second) !== rest(second + 1)
    const on = changes.length % 2 === 0
    if (on === falls) {
      naive += on ? -rest(second) : rest(second)
      changes.push({ second, price: on ? 0n : dear })
    }
  }
  expect(naive).toBe(rest(changes.at(-1)?.second ?? 0)) // what is still to run: nothing for the hours so far
  const { running, billed, exact } = play(dear, changes)
  const until = APRIL.start.add({ seconds: (changes.at(-1)?.second ?? 0) + 1 })
  expect(billed - unusedAt(running, until) > 2_000n).toBe(true)
  const off = billed * LENGTH - exact
  expect(off <= LENGTH && off >= -LENGTH).toBe(true)
})

test('cutting the period every ten seconds, 10,000 times, is no way to use without paying', () => {
  const [month, year] = [99_999n, 1_199_988n]
  let running = paid(month, '2026-01-01', '2026-01-31')
  let billed = month
  const cuts = 10_000
  for (let cut = 1; cut <= cuts; cut += 1) {
    const start = instant('2026-01-01').add({ seconds: cut * 10 })
    const days = cut % 2 === 0 ? 30 : 360 // a year that is twelve of these months, so that every second costs the same
    const next = { start, end: start.add({ hours: days * 24 }) }
    const price = cut % 2 === 0 ? month : year
    const done = restartPeriod(running, price, next)
    billed += done.charge - done.credit
    running = { period: next, price, pricedFrom: start, charged: done.charged, usedWeight: done.usedWeight }
  }
  const used = billed - unusedAt(running, running.period.start)
  // 10⁵ seconds of 99999 in 2,592,000: 3857.98
  expect(used).toBe(3858n)
})

test('what is given back at the end and what was used are what was charged', () => {
  fc.assert(
    fc.property(aPrice, someChanges, fc.integer({ min: 0, max: 30 * 86_400 }), (first, changes, second) => {
      const until = changes.filter((change) => change.second <= second)
      const { running } = play(first, until)
      const credit = unusedAt(running, APRIL.start.add({ seconds: second }))
      expect(credit >= 0n && credit <= running.charged).toBe(true)
    }),
  )
})
