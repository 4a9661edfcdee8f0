import fc from 'fast-check'
import { expect, test } from 'vitest'
import { divRound } from './money.ts'
import { type Period, split } from './period.ts'

const instant = (text: string): Temporal.Instant => Temporal.Instant.from(text.includes('T') ? text : `${text}T00:00Z`)
const period = (start: string, end: string): Period => ({ start: instant(start), end: instant(end) })

// [id, start, end (exclusive), change, price, unused]; `unused` is the credit of the old price, or the charge of the new one.
const SPLITS: readonly (readonly [string, string, string, string, bigint, bigint])[] = [
  // billing.json: polarsource/polar server/tests/subscription/test_service_prorations.py
  ['proration_seconds-04 credit', '2024-02-18', '2025-02-18', '2024-09-05', 100000n, 45355n],
  ['proration_seconds-04 debit', '2024-02-18', '2025-02-18', '2024-09-05', 300000n, 136066n],
  ['proration_seconds-05 credit', '2023-02-18', '2024-02-18', '2023-09-05', 100000n, 45479n],
  ['proration_seconds-05 debit', '2023-02-18', '2024-02-18', '2023-09-05', 300000n, 136438n],
  ['proration_seconds-06 credit', '2024-02-18', '2024-03-18', '2024-02-25', 10000n, 7586n],
  ['proration_seconds-06 debit', '2024-02-18', '2024-03-18', '2024-02-25', 30000n, 22759n],
  // The cycle restarts at an interval change: the old price is split, the new one charged whole.
  ['proration_interval_change-01', '2025-06-01', '2025-07-01', '2025-06-16', 10000n, 5000n],
  ['proration_interval_change-02', '2025-06-01', '2026-06-01', '2025-08-13', 100000n, 80000n],
  ['proration_interval_change-03', '2024-02-18', '2025-02-18', '2024-04-19', 100000n, 83333n],
  ['proration_interval_change-04', '2025-06-01', '2025-07-01', '2025-06-16', 10000n, 5000n],
  // docs.stripe.com/billing/subscriptions/prorations: 10 → 20 half way
  ['proration_seconds-07 credit', '2026-04-01', '2026-05-01', '2026-04-16', 1000n, 500n],
  ['proration_seconds-07 debit', '2026-04-01', '2026-05-01', '2026-04-16', 2000n, 1000n],
  // flexprice/flexprice internal/domain/proration/calculator_test.go counts days; on a day's boundary seconds give the same
  ['proration_days-01 credit', '2024-03-01', '2024-04-01', '2024-03-15', 1000n, 548n],
  ['proration_days-01 charge', '2024-03-01', '2024-04-01', '2024-03-15', 2000n, 1097n],
  ['proration_days-02 credit', '2024-03-01', '2024-04-01', '2024-03-15', 10000n, 5484n],
  ['proration_days-02 charge', '2024-03-01', '2024-04-01', '2024-03-15', 3000n, 1645n],
  ['proration_days-04 charge', '2024-03-01', '2024-04-01', '2024-03-15', 2500n, 1371n],
  // killbill/killbill invoice TestInvoiceDateUtilsWithoutFixedProration.java, ratio × 10⁹
  ['proration_days-08', '2023-02-15', '2023-03-15', '2023-02-23', 1_000_000_000n, 714_285_714n],
  ['proration_days-09', '2024-02-15', '2024-03-15', '2024-02-23', 1_000_000_000n, 724_137_931n],
  // killbill TestInvoiceDateUtilsWithFixedProration.java takes a month for 30 days, used 8/30 = 0.266666667. We do not: a period is as
  // long as it is, used 8/31 = 0.258064516.
  ['proration_fixed_days-02 (differs)', '2023-05-15', '2023-06-15', '2023-05-23', 1_000_000_000n, 741_935_484n],
  // killbill TestDefaultInvoiceGenerator.java: 14/31 of 10.00 are 4.52; with the full month after it 14.52
  ['proration_days-10', '2011-08-15', '2011-09-15', '2011-09-01', 1000n, 452n],
  // killbill annual/TestProRation.java: 7/365 before, 366 − 47 of 366 left after
  ['proration_days-11 leading', '2010-01-17', '2011-01-17', '2011-01-10', 365n, 7n],
  ['proration_days-11 trailing', '2012-01-17', '2013-01-17', '2012-03-04', 366n, 319n],
  // getlago/lago-api spec/scenarios/subscriptions/upgrade_spec.rb
  ['proration_days-13', '2023-08-29', '2023-09-29', '2023-09-28', 1000n, 32n],
  ['proration_days-14', '2023-06-29', '2024-06-29', '2023-09-28', 12000n, 9016n],
  ['proration_days-15 new', '2023-08-01', '2023-09-01', '2023-08-22', 10000n, 3226n],
  ['proration_days-15 paid', '2023-08-01', '2023-09-01', '2023-08-22', 1500n, 484n],
  // getlago/lago-api spec/scenarios/subscriptions/multiple_upgrade_spec.rb; the credits below are before their 25 % tax
  ['proration_days-17 first', '2024-03-01', '2024-04-01', '2024-03-05', 1000n, 871n],
  ['proration_days-17 second', '2024-03-01', '2024-04-01', '2024-03-12', 1500n, 968n],
  ['proration_days-17 credit', '2024-03-05', '2024-04-01', '2024-03-12', 871n, 645n],
  ['proration_days-18 second', '2024-03-05', '2024-04-05', '2024-03-12', 1500n, 1161n],
  ['proration_days-18 credit', '2024-03-05', '2024-04-05', '2024-03-12', 1000n, 774n],
  // getlago/lago-api spec/scenarios/subscriptions/free_trial_billing_spec.rb gives 2741935: its 15th day counts whole (17/31). By the second the
  // trial's last half day is free: 16 d 11 h 48 min of 31 days.
  ['trial-01 (differs)', '2024-03-01', '2024-04-01', '2024-03-15T12:12Z', 5_000_000n, 2_659_946n],
  // The same source, upgraded in its trial to one of 13 days: 4516129 are 14/31. By the second 13 d 11 h 48 min are left.
  ['trial-02 (differs)', '2024-03-01', '2024-04-01', '2024-03-18T12:12Z', 10_000_000n, 4_352_151n],
]

test.each(SPLITS)('%s: %s to %s, changed at %s, %d leaves %d', (_, start, end, change, price, unused) => {
  expect(split(price, period(start, end), instant(change))).toEqual({ used: price - unused, unused })
})

test('credit and charge of the 17/31 upgrade net to 5.49, the downgrade to −38.39', () => {
  // billing.json proration_days-01, proration_days-02: each line is rounded, then they are added
  const march = period('2024-03-01', '2024-04-01')
  const rest = (price: bigint): bigint => split(price, march, instant('2024-03-15')).unused
  expect([rest(2000n) - rest(1000n), rest(3000n) - rest(10000n)]).toEqual([549n, -3839n])
})

test('the credit of a second upgrade with its tax is that of the source', () => {
  // billing.json proration_days-17, proration_days-18: 645 and 774 with 25 % tax
  expect([645n, 774n].map((net) => net + divRound(net * 25n, 100n))).toEqual([806n, 968n])
})

test('a day of 23 or 25 hours counts as long as it is', () => {
  const month: Period = {
    start: Temporal.ZonedDateTime.from('2026-03-01T00:00[Europe/Berlin]').toInstant(),
    end: Temporal.ZonedDateTime.from('2026-04-01T00:00[Europe/Berlin]').toInstant(),
  }
  const change = Temporal.ZonedDateTime.from('2026-03-30T00:00[Europe/Berlin]').toInstant()
  expect(split(743n, month, change)).toEqual({ used: 695n, unused: 48n }) // 743 hours, not 744
})

test('two instants are as far apart as the hours between them, whatever the local dates say', () => {
  // billing.json proration_dst-04: flexprice counts 2 days for the 26 hours from 2024-08-01T23:00Z, a quirk not copied
  const day = period('2024-08-01T23:00Z', '2024-08-31T23:00Z')
  expect(split(720n, day, instant('2024-08-03T01:00Z')).used).toBe(26n)
})

test('a cent that falls exactly between the parts is used; a credit is split as its charge was', () => {
  const april = period('2026-04-01', '2026-05-01')
  expect(split(5n, april, instant('2026-04-16'))).toEqual({ used: 3n, unused: 2n })
  expect(split(-5n, april, instant('2026-04-16'))).toEqual({ used: -3n, unused: -2n })
})

test('a change outside the period is refused; at its ends it leaves all or nothing', () => {
  const april = period('2026-04-01', '2026-05-01')
  expect(split(999n, april, april.start)).toEqual({ used: 0n, unused: 999n })
  expect(split(999n, april, april.end)).toEqual({ used: 999n, unused: 0n })
  expect(() => split(999n, april, instant('2026-03-31T23:59:59Z'))).toThrow(RangeError)
  expect(() => split(999n, april, instant('2026-05-01T00:00:01Z'))).toThrow(RangeError)
  expect(() => split(999n, period('2026-04-01', '2026-04-01'), instant('2026-04-01'))).toThrow(RangeError)
})

test('used and unused sum to the price, through any number of changes in one period', () => {
  const april = period('2026-04-01', '2026-05-01')
  const price = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n })
  const offsets = fc.array(fc.integer({ min: 0, max: 30 * 86_400 - 1 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(price, offsets, (whole, seconds) => {
      let [rest, start, used] = [whole, april.start, 0n]
      for (const offset of seconds.toSorted((a, b) => a - b)) {
        const change = april.start.add({ seconds: offset })
        const parts = split(rest, { start, end: april.end }, change)
        expect(parts.used + parts.unused).toBe(rest)
        ;[rest, start, used] = [parts.unused, change, used + parts.used]
      }
      expect(used + rest).toBe(whole)
    }),
  )
})
