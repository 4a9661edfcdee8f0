import { expect, test } from 'vitest'
import { limitTerms } from '../../../test/factories/limit-terms.ts'
import type { Tier } from '../catalog/index.ts'
import { byPriority, fits, meet, policyFor } from './applicable.ts'
import { counterOf } from './counter.ts'
import type { LimitTerms, Override, RateLimit, Subject } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import type { Schedule } from './timetable.ts'

const perMinute = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })
const limitOf = (id: string, terms: Partial<LimitTerms> = {}): RateLimit => {
  const createdAt = Temporal.Instant.from('2026-03-01T00:00:00Z')
  return { id, createdAt, archivedAt: null, level: null, current: { ...limitTerms(terms), limitId: id, version: 1, createdAt } }
}

test.each([
  ['*', '', true],
  ['*', 'anything', true],
  ['/v1/*', '/v1/chat', true],
  ['/v1/*', '/v2/chat', false],
  ['POST *', 'GET /v1', false],
  ['/v1/*/users', '/v1/a/b/users', true],
  ['a*a', 'a', false],
  ['a*b*c', 'a-b-c', true],
  ['a*b*c', 'a-c-b', false],
  ['*b*', 'abc', true],
  ['**', 'abc', true],
  ['gpt-4', 'gpt-4', true],
  ['gpt-4', 'gpt-4o', false],
  ['.*', 'x', false],
])('the pattern %s and the text %s: %s', (pattern, text, expected) => {
  expect(fits(pattern, text)).toBe(expected)
})

const OVERRIDES: readonly Override[] = [
  { match: { resource: 'gpt-*' }, policy: perMinute(10) },
  { match: { resource: 'gpt-4*' }, policy: perMinute(11) },
  { match: { tier: 'PRO' }, policy: perMinute(20) },
  { match: { tier: 'PRO', resource: 'gpt-4' }, policy: perMinute(21) },
  { match: { tenantId: 'tnt_1' }, policy: perMinute(30) },
  { match: { tenantId: 'tnt_1', user: 'robot-*' }, policy: perMinute(31) },
  { match: { tenantId: 'tnt_free' }, policy: null },
  { match: { tier: 'PRO' }, policy: perMinute(99) },
]

const LATER: Schedule = [{ startsAt: Temporal.Instant.fromEpochMilliseconds(1_000) }]
const EARLIER: Schedule = [{ endsAt: Temporal.Instant.fromEpochMilliseconds(1_000) }]

test.each<readonly [string, Subject, Tier | undefined, number | null]>([
  ['nobody in particular', { tenantId: 'tnt_2' }, undefined, 1],
  ['a wildcard', { tenantId: 'tnt_2', resource: 'gpt-3' }, undefined, 10],
  ['of two wildcards, the longer', { tenantId: 'tnt_2', resource: 'gpt-4o' }, undefined, 11],
  ['the tier before a wildcard, and of two the first', { tenantId: 'tnt_2', resource: 'gpt-3' }, 'PRO', 20],
  ['the tier with a wildcard before the tier', { tenantId: 'tnt_2', resource: 'gpt-4' }, 'PRO', 21],
  ['the tenant before its tier', { tenantId: 'tnt_1', resource: 'gpt-4' }, 'PRO', 30],
  ['a user of the tenant', { tenantId: 'tnt_1', userId: 'robot-7' }, 'PRO', 31],
  ['one who is not limited', { tenantId: 'tnt_free' }, 'PRO', null],
  ['another tier', { tenantId: 'tnt_2' }, 'FREE', 1],
])('the nearest override counts: %s', (_name, subject, tier, limit) => {
  expect(policyFor(limitTerms({ overrides: OVERRIDES }), { subject, tier, priority: 0, atMs: 0 }, null)).toEqual(
    limit === null ? null : perMinute(limit),
  )
})

test.each<readonly [string, Override['match'], number, number]>([
  ['before its time it does not', { schedule: LATER }, 999, 1],
  ['from then on it does', { schedule: LATER }, 1_000, 10],
  ['all else must fit too', { tenantId: 'other', schedule: LATER }, 1_000, 1],
  ['of two as near, the scheduled one', { resource: '*', schedule: EARLIER }, 999, 10],
  ['and after it the other', { resource: '*', schedule: EARLIER }, 1_000, 5],
])('an override counts at its times: %s', (_name, match, atMs, limit) => {
  const overrides: readonly Override[] = [
    ...(match.resource ? [{ match: { resource: '*' }, policy: perMinute(5) }] : []),
    { match, policy: perMinute(10) },
  ]
  const situation = { subject: { tenantId: 'tnt_1', resource: 'r' }, tier: undefined, priority: 0, atMs }
  expect(policyFor(limitTerms({ overrides }), situation, null)).toEqual(perMinute(limit))
})

test.each<readonly [string, Partial<LimitTerms>, Subject, boolean]>([
  ['no patterns', {}, { tenantId: 'a' }, true],
  ['an endpoint that fits', { endpoints: ['GET *', 'POST /v1/*'] }, { tenantId: 'a', endpoint: 'POST /v1/chat' }, true],
  ['an endpoint that does not', { endpoints: ['GET *'] }, { tenantId: 'a', endpoint: 'POST /v1/chat' }, false],
  ['an unknown endpoint', { endpoints: ['*'] }, { tenantId: 'a' }, false],
  [
    'both, of which one does not',
    { endpoints: ['*'], resources: ['b*'] },
    { tenantId: 'a', endpoint: 'e', resource: 'c' },
    false,
  ],
  ['a time that is yet to come', { schedule: LATER }, { tenantId: 'a' }, false],
  ['a time that is not over', { schedule: EARLIER }, { tenantId: 'a' }, true],
  ['an unknown tenant', {}, {}, false],
  ['one who is not limited', { overrides: [{ match: { tenantId: 'a' }, policy: null }] }, { tenantId: 'a' }, false],
])('a limit meets %s', (_name, terms, subject, expected) => {
  expect(meet(limitOf('rl_1', terms), { subject, tier: undefined, priority: 0, atMs: 0 }) !== undefined).toBe(expected)
})

test('the higher priority comes first, then the older limit', () => {
  const limits = [limitOf('rl_2'), limitOf('rl_3', { priority: 5 }), limitOf('rl_1')]
  expect(limits.toSorted(byPriority).map(({ id }) => id)).toEqual(['rl_3', 'rl_1', 'rl_2'])
})

test.each<readonly [string, Policy, Policy, boolean]>([
  ['another number', perMinute(1), perMinute(9), true],
  ['another window', perMinute(1), { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 1 }, false],
  ['another algorithm', perMinute(1), { algorithm: 'SLIDING_WINDOW', limit: 1, windowMs: 60_000 }, false],
  ['the default said', perMinute(1), { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 60_000, anchor: 'epoch' }, true],
  [
    'another capacity',
    { algorithm: 'TOKEN_BUCKET', capacity: 1, refill: { tokens: 1, perMs: 1 } },
    { algorithm: 'TOKEN_BUCKET', capacity: 2, refill: { tokens: 1, perMs: 1 } },
    true,
  ],
  [
    'so much more that it is counted in coarser ticks',
    { algorithm: 'TOKEN_BUCKET', capacity: 100_000, refill: { tokens: 7, perMs: 86_400_001 } },
    { algorithm: 'TOKEN_BUCKET', capacity: 200_000, refill: { tokens: 7, perMs: 86_400_001 } },
    false,
  ],
  [
    'another pace',
    { algorithm: 'TOKEN_BUCKET', capacity: 1, refill: { tokens: 1, perMs: 1 } },
    { algorithm: 'TOKEN_BUCKET', capacity: 1, refill: { tokens: 2, perMs: 1 } },
    false,
  ],
])('counts go on under %s: %j to %j, %s', (_name, from, to, same) => {
  expect(counterOf('rl_1', from) === counterOf('rl_1', to)).toBe(same)
  expect(counterOf('rl_1', from)).not.toBe(counterOf('rl_2', from))
})
