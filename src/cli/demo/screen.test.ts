import { stripVTControlCharacters, styleText } from 'node:util'
import { expect, test } from 'vitest'
import { type Paint, PLAIN } from '../table.ts'
import type { DemoResult } from './result.ts'
import { screen } from './screen.ts'

const usual = { refused: 0, base: 0n, overage: 0n, passThrough: 0n }
const RESULT: DemoResult = {
  currency: 'USD',
  source: ['Generated traffic (seed 1), not real calls.'],
  from: '24 Oct 2026',
  to: '24 Nov 2026',
  tenants: [
    {
      ...usual,
      name: 'Fern Notes',
      plan: 'Free',
      isolation: 'SHARED',
      calls: 1_000,
      refused: 40,
      includedCalls: 1_000,
      tokens: 812_345,
      llmCost: 61n,
    },
    {
      ...usual,
      name: 'Otter Support',
      plan: 'Starter',
      isolation: 'SCHEMA',
      calls: 12_500,
      includedCalls: 10_000,
      tokens: 18_140_000,
      base: 2_999n,
      overage: 982n,
      llmCost: 1_225n,
    },
    {
      ...usual,
      name: 'Atlas Bank',
      plan: 'Business',
      isolation: 'CLUSTER',
      calls: 5_500,
      includedCalls: 1_000_000,
      tokens: 9_412_000,
      base: 29_999n,
      passThrough: 122_361n,
      llmCost: 18_634n,
    },
  ],
  invoices: [
    {
      number: 'INV-000007',
      tenant: 'Otter Support',
      lines: [
        { description: 'Starter, one month', quantity: '1', amount: 2_999n },
        {
          description: '2500 API calls beyond the 10000 included, and a description that is long',
          quantity: '2,500',
          amount: 25n,
        },
      ],
      tax: 574n,
      total: 3_598n,
      payment: 'First card declined (card_declined), nothing booked; second card: paid',
    },
  ],
  events: 19_040,
  meteringSeconds: 1.7,
  totalSeconds: 14.2,
  url: 'http://127.0.0.1:3000',
  operatorKey: 'cog_op_shownonce',
  tenantKey: { name: 'Otter Support', id: 'tnt_otter', key: 'cog_tn_shownonce' },
}

test('the screen reads like this', () => {
  expect(`${screen(RESULT, PLAIN)}\n`).toBe(`
  ── What was used ──────────────────────────────────────────────── 24 Oct 2026 to 24 Nov 2026
  Tenant          Plan      Isolation    Calls    Tokens  Calls included in the plan
  ────────────────────────────────────────────────────────────────────────────────────────────
  Fern Notes      Free      SHARED       1,000     812 k  ████████████████ stopped, 40 refused
  Otter Support   Starter   SCHEMA      12,500    18.1 M  ████████████████ 2,500 over
  Atlas Bank      Business  CLUSTER      5,500     9.4 M  ░░░░░░░░░░░░░░░░ 1 % used

  Generated traffic (seed 1), not real calls.
  19,040 events in 1.7 s: 11,200 events/s, over HTTP; each durable, priced, counted once

  ── What it earned ────────────────────────────────────────────────────────── that month, USD
  Tenant               Base    Overage  LLM passed on    Revenue   LLM cost             Margin
  ────────────────────────────────────────────────────────────────────────────────────────────
  Fern Notes              —          —              —          —       0.61        -0.61     —
  Otter Support       29.99       9.82              —      39.81      12.25        27.56  69 %
  Atlas Bank         299.99          —       1,223.61   1,523.60     186.34     1,337.26  87 %
  Together           329.98       9.82       1,223.61   1,563.41     199.20     1,364.21  87 %

  ╭─ Invoice INV-000007 to Otter Support ────────────────────────────────────────────────────╮
  │ Line                                                            Quantity          Amount │
  │ ──────────────────────────────────────────────────────────────────────────────────────── │
  │ Starter, one month                                                     1           29.99 │
  │ 2500 API calls beyond the 10000 included, and a descr…             2,500            0.25 │
  │ Tax                                                                                 5.74 │
  │ Total                                                                          35.98 USD │
  │                                                                                          │
  │ ✓ First card declined (card_declined), nothing booked; second card: paid                 │
  ╰──────────────────────────────────────────────────────────────────────────────────────────╯

  ── Now try it yourself ──────────────────────────────────────────────────── ready after 14 s
  API reference        http://127.0.0.1:3000/docs
  Metrics              http://127.0.0.1:3000/metrics
  Operator key         cog_op_shownonce
  Otter Support's key  cog_tn_shownonce

  curl -H "Authorization: Bearer cog_tn_shownonce" \\
    http://127.0.0.1:3000/api/v3/saas/subscriptions/tnt_otter/metrics

  Ctrl-C ends it; its database is removed, and the next run starts anew.

`)
})

test('no line is wider than 96 columns, and colour changes no letter', () => {
  const mark = (text: string) => styleText('red', text, { validateStream: false })
  const coloured: Paint = { bold: mark, dim: mark, good: mark, bad: mark, warn: mark, link: mark }
  const plain = screen(RESULT, PLAIN)
  expect(plain.split('\n').every((line) => line.length <= 96)).toBe(true)
  expect(stripVTControlCharacters(screen(RESULT, coloured))).toBe(plain)
})

test('a demo that ends says so, and shows no address that is gone', () => {
  const text = screen({ ...RESULT, url: undefined }, PLAIN)
  expect(text).toContain('Done in 14 s. Nothing is left behind.')
  expect(text).not.toContain('cog_')
})
