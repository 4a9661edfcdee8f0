import fc from 'fast-check'
import { expect, test } from 'vitest'
import { instant } from '../../../test/factories/subscription.ts'
import { parseDecimal } from '../../lib/decimal.ts'
import { type METERS, type PlanVersion, perMeter } from '../catalog/index.ts'
import { TIER_PLANS } from '../catalog/tiers.ts'
import { partsOf } from '../subscriptions/rating.ts'
import { type Arrears, settleArrears } from './arrears.ts'
import { readBilled, sumBilled, writeBilled } from './billed-period.ts'
import { compose } from './compose.ts'
import { canMove, type LineDraft, pieceLine, STATUSES } from './invoice.ts'
import { finalizeEntries, voidEntries } from './ledger.ts'

const FEBRUARY = { start: instant('2026-02-01'), end: instant('2026-03-01') }
const MARCH = { start: instant('2026-03-01'), end: instant('2026-04-01') }
const line = (amount: bigint): LineDraft => pieceLine({ kind: 'base', description: 'x', amount, period: MARCH }, 2)
const VAT = (percent: string) => ({ percent, name: 'VAT' })

const planOf = (code: string, more: Partial<PlanVersion> = {}): PlanVersion => {
  const plan = TIER_PLANS.find((each) => each.code === code)
  if (!plan) throw new Error(`no tier ${code}`)
  const { name, tier, terms } = plan
  const of = { id: `plv_${code}`, planCode: code, planName: name, tier, tenantId: null, archivedAt: null, version: 1 }
  return { ...of, createdAt: FEBRUARY.start, ...terms, ...more }
}
const used = (use: Partial<Record<(typeof METERS)[number], string>>) => perMeter((meter) => parseDecimal(use[meter] ?? '0'))
const arrears = (
  terms: PlanVersion,
  use: Parameters<typeof used>[0],
  { llmCost = 0n, unpriced = 0n }: Partial<Pick<Arrears, 'llmCost' | 'unpriced'>> = {},
): Arrears => {
  const whole = { used: used(use), llmCost }
  const slice = { ...FEBRUARY, month: FEBRUARY, version: terms }
  const period = { index: 0, ...FEBRUARY, paid: FEBRUARY, whole: FEBRUARY }
  return { period, currency: terms.currency, parts: partsOf([{ slice, ...whole }], whole, terms.included), ...whole, unpriced }
}
const shown = (lines: readonly LineDraft[]) => lines.map(({ kind, meter, amount }) => [kind, meter, amount])

test.each([
  // Prices and allowances as sold: STARTER 100/10,000/10/3 and 0.50/0.10/0.20/10, and so on.
  ['starter', { api_calls: '14000' }, [['overage', 'api_calls', 40n]]],
  ['starter', { api_calls: '10000' }, []],
  ['starter', { api_calls: '10049' }, []], // 0.0049: below half a cent
  ['starter', { api_calls: '10050' }, [['overage', 'api_calls', 1n]]], // 0.0050: half away from zero
  [
    'starter',
    { compute_hours: '100.5', users: '4' },
    [
      ['overage', 'compute_hours', 25n],
      ['overage', 'users', 1000n],
    ],
  ],
  [
    'pro',
    { api_calls: '1234567', storage_gb: '100.1' },
    [
      ['overage', 'api_calls', 9077n],
      ['overage', 'storage_gb', 2n],
    ],
  ],
  ['business', { compute_hours: '2000.000001' }, []],
  [
    'enterprise',
    { api_calls: '10001000', users: '1000' },
    [
      ['overage', 'api_calls', 3n],
      ['overage', 'users', 300n],
    ],
  ],
  ['free', { api_calls: '5000', users: '9' }, []], // a hard stop has no overage
])('the use of a period on %s, %o, is billed as %o', (code, use, expected) => {
  expect(shown(settleArrears(arrears(planOf(code), use), undefined).lines)).toEqual(expected)
})

test('LLM cost is passed through with its markup, exact to the pico and rounded once', () => {
  const terms = planOf('pro', { llmPassThrough: true, llmMarkupPercent: '30' })
  const { lines } = settleArrears(arrears(terms, {}, { llmCost: parseDecimal('12.345678901234'), unpriced: 2n }), undefined)
  expect(shown(lines)).toEqual([['pass_through', 'llm_cost', 1605n]]) // 16.04938257…
  expect(lines[0]?.description).toBe('LLM cost 12.345678901234 USD plus 30 %; 2 calls have no price yet')
  const euro = planOf('pro', { llmPassThrough: true, currency: 'EUR' })
  expect(settleArrears(arrears(euro, {}, { llmCost: parseDecimal('12') }), undefined).lines).toEqual([])
})

test('use that came late is billed as the difference, and what was billed too much is given back', () => {
  const starter = planOf('starter')
  const first = settleArrears(arrears(starter, { api_calls: '14000' }), undefined)
  expect(settleArrears(arrears(starter, { api_calls: '14000' }), first.entry?.billed).lines).toEqual([])
  const late = settleArrears(arrears(starter, { api_calls: '15000' }), first.entry?.billed)
  expect(shown(late.lines)).toEqual([['adjustment', 'api_calls', 10n]])
  const back = settleArrears(arrears(starter, { api_calls: '12000' }), first.entry?.billed)
  expect(shown(back.lines)).toEqual([['adjustment', 'api_calls', -20n]])
})

test('however use arrives and whichever of its invoices are void, what live invoices bill sums to one bill of all of it', () => {
  const calls = fc.array(fc.record({ more: fc.bigInt(0n, 9_999n), voids: fc.nat(4) }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(calls, (steps) => {
      const terms = planOf('starter')
      let live: ReturnType<typeof sumBilled> = []
      let total = 0n
      const bill = (quantity: bigint) => {
        const { entry } = settleArrears(arrears(terms, { api_calls: String(quantity) }), sumBilled(live)[0]?.billed)
        if (entry) live = [...live, entry]
      }
      for (const { more, voids } of steps) {
        total += more
        bill(total)
        live = live.filter((_, index) => index !== voids - 1) // one of them may be voided, whichever
      }
      bill(total)
      const once = settleArrears(arrears(terms, { api_calls: String(total) }), undefined).entry?.billed
      expect(sumBilled(live)[0]?.billed.api_calls).toBe(once?.api_calls)
      expect(readBilled(writeBilled(live))).toEqual(live)
    }),
  )
})

test.each([
  [[2999n, 40n], '0', 0n, { subtotal: 3039n, tax: 0n, total: 3039n, creditApplied: 0n, amountDue: 3039n }],
  [[100n], '0.1', 0n, { tax: 0n, total: 100n }], // billing.json tax_rounding-05: flexprice tax_rounding_test.go, 1.00 USD at 0.1 %
  [[9999n], '8.875', 0n, { tax: 887n, total: 10886n }], // tax_rounding-06, same source, the first of its three rates
  [[19333n], '25', 0n, { tax: 4833n, total: 24166n }], // credit_note-01: getlago/lago-api credit_note_rounding_spec.rb, the same figures charged
  [[15467n], '25', 0n, { tax: 3867n, total: 19334n }], // credit_note-02, same source
  [[2571n], '23.33', 0n, { tax: 600n, total: 3171n }], // credit_note-03, same source
  [[-536n], '20', 0n, { tax: -107n, total: -643n }], // credit_note-04: getlago/lago-api spending_minimum_spec.rb, the unused part of a minimum
  [[-19333n], '25', 0n, { tax: -4833n, total: -24166n, amountDue: 0n }],
  [[2999n], '0', 1000n, { creditApplied: 1000n, amountDue: 1999n }],
  [[2999n], '0', 5000n, { creditApplied: 2999n, amountDue: 0n }],
  [[-500n], '0', 5000n, { total: -500n, creditApplied: 0n, amountDue: 0n }],
  [[0n], '20', 0n, { total: 0n, amountDue: 0n }],
])('lines of %o at %s per cent, with a credit of %s, come to %o', (amounts, percent, credit, expected) => {
  const composed = compose({ currency: 'USD', period: MARCH, lines: amounts.map(line), tax: VAT(percent), credit })
  expect(composed.totals).toMatchObject(expected)
})

test('a discount comes off before tax, and one larger than the fees leaves nothing to pay', () => {
  const of = (amount: bigint) => ({
    currency: 'USD',
    period: MARCH,
    lines: [line(10000n)],
    tax: VAT('10'),
    credit: 0n,
    discount: { name: 'Welcome', amount },
  })
  expect(compose(of(1000n)).totals).toMatchObject({ subtotal: 10000n, discount: 1000n, tax: 900n, total: 9900n })
  // billing.json coupon_tax-02: getlago/lago-api taxes_on_invoice_spec.rb
  expect(compose(of(99999n)).totals).toMatchObject({ tax: 0n, total: 0n, amountDue: 0n })
})

const amounts = fc.array(fc.bigInt(-(10n ** 9n), 10n ** 9n), { maxLength: 12, size: 'max' })
const percents = fc.integer({ min: 0, max: 40_000 }).map((n) => String(n / 1000))

test('lines sum to the total, nothing due is negative, credit never exceeds what there is, and every booking sums to zero', () => {
  fc.assert(
    fc.property(amounts, percents, fc.bigInt(0n, 10n ** 9n), fc.bigInt(0n, 10n ** 9n), (net, percent, credit, off) => {
      const discount = { name: 'off', amount: off }
      const { lines, totals } = compose({
        currency: 'USD',
        period: MARCH,
        lines: net.map(line),
        tax: VAT(percent),
        credit,
        discount,
      })
      const sum = (parts: readonly bigint[]) => parts.reduce((all, part) => all + part, 0n)
      expect(sum(lines.map(({ amount }) => amount))).toBe(totals.total)
      expect(totals.subtotal - totals.discount + totals.tax).toBe(totals.total)
      expect(totals.amountDue >= 0n && totals.creditApplied >= 0n && totals.creditApplied <= credit).toBe(true)
      if (totals.total >= 0n) expect(totals.amountDue + totals.creditApplied).toBe(totals.total)
      expect(sum(finalizeEntries(totals).map(({ amount }) => amount))).toBe(0n)
      expect(sum([...finalizeEntries(totals), ...voidEntries(totals)].map(({ amount }) => amount))).toBe(0n)
      expect(finalizeEntries(totals).every(({ amount }) => amount !== 0n)).toBe(true)
    }),
  )
})

test('an invoice goes from draft to open and from there to paid or void, and never back', () => {
  const moves = STATUSES.flatMap((from) => STATUSES.filter((to) => canMove(from, to)).map((to) => `${from} → ${to}`))
  expect(moves).toEqual(['draft → open', 'draft → void', 'open → paid', 'open → void'])
})
