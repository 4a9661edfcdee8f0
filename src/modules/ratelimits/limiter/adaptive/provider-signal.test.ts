import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adaptive } from './decide.ts'
import type { ProviderSignal } from './observation.ts'
import { type ProviderHeaders, providerSignal } from './provider-signal.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z')
const read = (headers: ProviderHeaders, of: 'requests' | 'tokens' = 'requests', refused = false): ProviderSignal =>
  providerSignal(headers, { of, nowMs: NOW, refused })

// Names and forms: OpenAI, guide "Rate limits", section "Rate limits in headers".
const OPENAI = {
  'x-ratelimit-limit-requests': '60',
  'x-ratelimit-limit-tokens': '150000',
  'x-ratelimit-remaining-requests': '59',
  'x-ratelimit-remaining-tokens': '149984',
  'x-ratelimit-reset-requests': '17ms',
  'x-ratelimit-reset-tokens': '6m0s',
}
// Names and forms: Anthropic, API reference "Rate limits", section "Response headers".
const ANTHROPIC = {
  'anthropic-ratelimit-requests-limit': '50',
  'anthropic-ratelimit-requests-remaining': '0',
  'anthropic-ratelimit-requests-reset': '2026-03-01T12:00:12Z',
  'anthropic-ratelimit-tokens-limit': '80000',
  'anthropic-ratelimit-tokens-remaining': '79000',
  'anthropic-ratelimit-tokens-reset': '2026-03-01T13:00:01.5+01:00',
  'anthropic-ratelimit-input-tokens-limit': '1',
}
// Names and forms: GitHub, "Rate limits for the REST API"; the reset is in seconds since the epoch.
const PLAIN = { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': String(NOW / 1_000 + 90) }

test.each<[string, ProviderHeaders, 'requests' | 'tokens', ProviderSignal]>([
  ['OpenAI, requests', OPENAI, 'requests', { limit: 60, remaining: 59 }],
  ['OpenAI, tokens', OPENAI, 'tokens', { limit: 150_000, remaining: 149_984 }],
  ['Anthropic, requests', ANTHROPIC, 'requests', { limit: 50, remaining: 0 }],
  ['Anthropic, tokens', ANTHROPIC, 'tokens', { limit: 80_000, remaining: 79_000 }],
  ['the plain fields, which are of requests', PLAIN, 'requests', { limit: 5_000, remaining: 4_999 }],
  ['the plain fields, asked for tokens', PLAIN, 'tokens', {}],
  ['the plain fields beside one that says what it counts', { ...PLAIN, ...OPENAI }, 'requests', { limit: 60, remaining: 59 }],
  ['fetch’s Headers', new Headers(OPENAI), 'requests', { limit: 60, remaining: 59 }],
  ['names in any case, values in lists', { 'X-RateLimit-Limit-Requests': ['60'] }, 'requests', { limit: 60 }],
  ['no headers', {}, 'requests', {}],
])('the limit and what remains of it: %s', (_, headers, of, signal) => {
  expect(read(headers, of)).toEqual(signal)
})

describe('the wait after a refusal', () => {
  // RFC 9110, sections 10.2.3 and 5.6.7; retry-after-ms: Azure OpenAI, "Manage Azure OpenAI quota".
  test.each<[string, Readonly<Record<string, string>>, number]>([
    ['in seconds', { 'retry-after': '20' }, 20_000],
    ['in parts of seconds', { 'retry-after': '1.5' }, 1_500],
    ['as a date', { 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' }, 30_000],
    ['as a date of RFC 850', { 'retry-after': 'Sunday, 01-Mar-26 12:00:30 GMT' }, 30_000],
    ['as a date of asctime', { 'retry-after': 'Sun Mar  1 12:00:30 2026' }, 30_000],
    ['as a date that is over', { 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, 0],
    ['in milliseconds, which are more exact', { 'retry-after-ms': '1250', 'retry-after': '2' }, 1_250],
    ['in milliseconds that are none', { 'retry-after-ms': 'soon', 'retry-after': '2' }, 2_000],
  ])('%s', (_, headers, retryAfterMs) => {
    expect(read(headers)).toEqual({ retryAfterMs })
    expect(read(headers, 'tokens', true)).toEqual({ retryAfterMs })
  })

  test.each<[string, ProviderHeaders, 'requests' | 'tokens', number]>([
    ['OpenAI, a part of a second', OPENAI, 'requests', 17],
    ['OpenAI, minutes', OPENAI, 'tokens', 360_000],
    ['hours and parts of seconds', { 'x-ratelimit-reset-requests': '1h2m3.5s' }, 'requests', 3_723_500],
    ['less than a millisecond', { 'x-ratelimit-reset-requests': '120µs' }, 'requests', 1],
    ['Azure OpenAI, seconds without a unit', { 'x-ratelimit-reset-tokens': '42' }, 'tokens', 42_000],
    ['Anthropic, RFC 3339', ANTHROPIC, 'requests', 12_000],
    ['Anthropic, RFC 3339 of another zone', ANTHROPIC, 'tokens', 1_500],
    ['plain, seconds since the epoch', PLAIN, 'requests', 90_000],
    ['plain, seconds', { 'x-ratelimit-reset': '7' }, 'requests', 7_000],
  ])('is until the reset where no Retry-After says it, and only then: %s', (_, headers, of, retryAfterMs) => {
    expect(read(headers, of, true)).toMatchObject({ retryAfterMs })
    expect(read(headers, of)).not.toHaveProperty('retryAfterMs')
    const both = { ...Object.fromEntries(Object.entries(headers)), 'retry-after': '3' }
    expect(read(both, of, true)).toMatchObject({ retryAfterMs: 3_000 })
  })
})

describe('what is not understood is as if it were not there', () => {
  test.each([
    // What Azure OpenAI was seen to send: openai/openai-dotnet#838.
    '-1',
    '',
    ' ',
    'many',
    '1e9',
    '0x10',
    '9'.repeat(400),
    'NaN',
    'Infinity',
    '5;w=60',
    '100, 100;window=60',
    'foo 5',
    '2026-13-01T00:00:00Z',
    'Xyz, 99 Foo 2026 12:00:00 GMT',
    '6m0',
    'm',
  ])('%j', (text) => {
    const names = [...Object.keys(OPENAI), ...Object.keys(ANTHROPIC), ...Object.keys(PLAIN), 'retry-after', 'retry-after-ms']
    const headers = Object.fromEntries(names.map((name) => [name, text]))
    for (const of of ['requests', 'tokens'] as const) expect(read(headers, of, true)).toEqual({})
  })

  test('whatever is sent: nothing is thrown, and what is told are numbers from 0', () => {
    const name = fc.constantFrom(...Object.keys({ ...OPENAI, ...ANTHROPIC, ...PLAIN }), 'retry-after', 'retry-after-ms', 'get')
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[-+\d.,:hmsnuµTZ ]{0,30}$/))
    const value = fc.oneof(text, fc.array(text), fc.constant(undefined))
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.constantFrom('requests', 'tokens'), fc.boolean(), (headers, of, refused) => {
        for (const told of Object.values(read(headers, of, refused))) {
          expect(Number.isFinite(told)).toBe(true)
          expect(told).toBeGreaterThanOrEqual(0)
        }
      }),
      { numRuns: 200 },
    )
  })
})

test('an adaptive limit hears it: cut where the provider refuses, and no growth before its wait is over', () => {
  const rule = adaptive({ base: 100, minimum: 10, maximum: 200, cooldownMs: 1_000 })
  const demand = { asked: 1_000, blocked: 300, ended: 700, dropped: 0, latencyMs: 20 }
  const refused = rule.decide(rule.start(0), { ...demand, provider: read(ANTHROPIC, 'requests', true) }, 1_000)
  expect(refused.change).toMatchObject({ from: 100, to: 90, cause: 'provider_refused' })
  expect(rule.decide(refused.state, demand, 12_999).change).toBeUndefined()
  expect(rule.decide(refused.state, demand, 13_000).change).toMatchObject({ from: 90, cause: 'demand' })
})
