import { expect, test } from 'vitest'
import { type TermsInput, termsOf } from './terms.ts'

const INPUT: TermsInput = {
  currency: 'USD',
  monthlyPrice: '49.50',
  included: { compute_hours: '12.5', api_calls: '5000', storage_gb: '20', users: '4' },
  overage: { api_calls: '0.09', users: null },
  hardStop: false,
  apiCallsPerMinute: 200,
  concurrentAgents: 2,
  llmPassThrough: true,
  llmMarkupPercent: '12.5',
  trialDays: 14,
}

test('prices become minor units, allowances exact decimals; a price left out is not charged', () => {
  expect(termsOf(INPUT)).toMatchObject({
    monthlyPrice: 4950n,
    included: { compute_hours: 12_500_000_000_000n, api_calls: 5_000n * 10n ** 12n },
    overage: { compute_hours: null, api_calls: 90_000_000_000n, storage_gb: null, users: null },
  })
  expect(termsOf({ ...INPUT, currency: 'JPY', monthlyPrice: '4950', llmPassThrough: false }).monthlyPrice).toBe(4950n)
})

test.each<[string, Partial<TermsInput>]>([
  ['currency', { currency: 'XXZ' }],
  ['monthly_price', { monthlyPrice: '-1' }],
  ['monthly_price', { monthlyPrice: '1.005' }],
  ['monthly_price', { monthlyPrice: '1000000000' }],
  ['monthly_price', { monthlyPrice: '1e3' }],
  ['monthly_price', { currency: 'JPY', monthlyPrice: '4950.5', llmPassThrough: false }],
  ['included.users', { included: { ...INPUT.included, users: '-4' } }],
  ['included.api_calls', { included: { ...INPUT.included, api_calls: '1234567890123456' } }],
  ['overage.api_calls', { overage: { api_calls: '-0.09' } }],
  ['overage', { hardStop: true }],
  ['llm_pass_through', { currency: 'EUR' }], // else its LLM cost would be billed to nobody
  ['llm_markup_percent', { llmMarkupPercent: '-5' }],
  ['llm_markup_percent', { llmMarkupPercent: '0.1234567' }],
])('%s is named when %o is refused', (field, change) => {
  const errors = [{ field, message: expect.any(String) }]
  expect(() => termsOf({ ...INPUT, ...change })).toThrow(
    expect.objectContaining({ kind: 'unprocessable', code: 'validation_failed', details: { errors } }),
  )
})
