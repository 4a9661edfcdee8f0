import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitTerms } from '../../../test/factories/limit-terms.ts'
import type { Tier } from '../catalog/index.ts'
import { meet, type Situation } from './applicable.ts'
import { explain, type Reason } from './explanation.ts'
import type { LimitTerms, Override, RateLimit, Subject } from './limit.ts'
import type { Policy } from './limiter/policy.ts'
import { policyAt } from './reserved-share.ts'

const perMinute = (limit: number): Policy => ({ algorithm: 'FIXED_WINDOW', limit, windowMs: 60_000 })
const TERMS = limitTerms({ scopes: ['PER_TENANT', 'PER_USER'], endpoints: ['POST *'] })
const createdAt = Temporal.Instant.from('2026-03-01T00:00:00Z')
const limitOf = (terms: Partial<LimitTerms> = {}, archivedAt: RateLimit['archivedAt'] = null): RateLimit => ({
  id: 'rl_1',
  createdAt,
  archivedAt,
  level: null,
  current: { ...TERMS, ...terms, limitId: 'rl_1', version: 3, createdAt },
})
const ADA: Subject = { tenantId: 'a', userId: 'ada', endpoint: 'POST /v1', resource: 'gpt' }
const seen = (subject: Subject, tier?: Tier): Situation => ({ subject, tier, priority: 0, atMs: 0 })
const EXEMPT: Override = { match: { tenantId: 'a' }, policy: null }

test.each<readonly [Reason, RateLimit, Subject]>([
  ['applies', limitOf(), ADA],
  ['archived', limitOf({}, createdAt), ADA],
  ['other_endpoint', limitOf(), { ...ADA, endpoint: 'GET /v1' }],
  ['other_endpoint', limitOf(), { tenantId: 'a', userId: 'ada' }],
  ['other_resource', limitOf({ resources: ['claude*'] }), ADA],
  ['out_of_schedule', limitOf({ schedule: [{ endsAt: Temporal.Instant.fromEpochMilliseconds(0) }] }), ADA],
  ['subject_incomplete', limitOf(), { ...ADA, userId: undefined }],
  ['exempt_by_override', limitOf({ overrides: [EXEMPT] }), ADA],
])('why a limit counts a request or does not: %s', (reason, limit, subject) => {
  expect(explain(limit, seen(subject))).toMatchObject({ reason, limitId: 'rl_1', name: 'calls', version: 3 })
})

test('the overrides that match are named by their places, the nearest first, with the policy of that one', () => {
  const overrides: readonly Override[] = [
    { match: { endpoint: 'POST *' }, policy: perMinute(2) },
    { match: { tier: 'FREE' }, policy: perMinute(3) },
    { match: { tenantId: 'a' }, policy: perMinute(4) },
    { match: { tier: 'PRO' }, policy: perMinute(5) },
  ]
  const told = explain(limitOf({ overrides }), seen(ADA, 'PRO'))
  expect(told).toMatchObject({ overrides: [2, 3, 0], policy: perMinute(4), key: 'tenant=a|user=ada', missing: [] })
  expect(explain(limitOf({ overrides }), seen({ ...ADA, tenantId: undefined, userId: undefined }))).toMatchObject({
    overrides: [0],
    policy: perMinute(2),
    key: null,
    missing: ['tenant_id', 'user_id'],
  })
})

test('an explanation says what the check does, whatever the limit and the subject', () => {
  const text = fc.constantFrom('a', 'b', undefined)
  const subject = fc.record({ tenantId: text, userId: text, endpoint: text, resource: text })
  const pattern = fc.constantFrom('a', 'b*', '*')
  const match = fc.record({ tenantId: pattern, endpoint: pattern }, { requiredKeys: [] })
  const policy = fc.constantFrom(null, perMinute(1), perMinute(2))
  const terms = fc.record({
    overrides: fc.array(fc.record({ match, policy }), { maxLength: 3 }),
    endpoints: fc.array(pattern, { maxLength: 2 }),
    resources: fc.array(pattern, { maxLength: 2 }),
    reserved: fc.constantFrom([], [{ minPriority: 1, percent: 50 }]),
    schedule: fc.constantFrom([], [{ endsAt: createdAt }], [{ startsAt: createdAt }]),
  })
  fc.assert(
    fc.property(terms, subject, fc.constantFrom(null, createdAt), (changed, asking, archivedAt) => {
      const limit = limitOf(changed, archivedAt)
      const met = meet(limit, seen(asking))
      const told = explain(limit, seen(asking))
      expect(told.reason === 'applies').toBe(met !== undefined)
      if (met) expect([told.key, told.policy && policyAt(told.policy, limit.current.reserved, 0)]).toEqual([met.key, met.policy])
    }),
  )
})
