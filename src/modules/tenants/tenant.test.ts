import { expect, test } from 'vitest'
import { AppError } from '../../platform/errors.ts'
import { checkEmail } from './member.ts'
import { checkTimeZone, decideTenant } from './new-tenant.ts'
import { peakConcurrent } from './peak.ts'
import { slugCandidates, slugOf } from './slug.ts'
import {
  allowedMoves,
  decideActivation,
  decideMove,
  decideSuspension,
  decideTrialEnd,
  TENANT_STATUSES,
  type Tenant,
} from './tenant.ts'

const at = (text: string): Temporal.Instant => Temporal.Instant.from(text)
const NOW = at('2026-03-01T00:00:00Z')

const tenant = (over: Partial<Tenant> = {}): Tenant => ({
  id: 'tnt_1',
  slug: 'acme',
  name: 'Acme',
  type: 'ENTERPRISE',
  status: 'active',
  statusBeforeSuspension: null,
  statusReason: null,
  isolation: 'SHARED',
  currency: 'USD',
  timeZone: 'UTC',
  parentId: null,
  trialEndsAt: null,
  quotas: { storageGb: 1, apiCallsPerHour: 1, users: 1, computeHours: 1 },
  metadata: {},
  createdAt: NOW,
  updatedAt: NOW,
  ...over,
})

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
  return 'none'
}

const INPUT = { name: 'Acme', type: 'SMALL_BUSINESS', owner: { email: 'ada@example.com', name: 'Ada' } } as const

test('each status leads to these and no others', () => {
  const moves = TENANT_STATUSES.map((from) => `${from}: ${allowedMoves(from).join(', ')}`)
  expect(moves).toEqual([
    'pending_activation: trial, active, churned',
    'trial: active, suspended, churned',
    'active: suspended, churned',
    'suspended: trial, active, churned',
    'churned: active, deleted',
    'deleted: ',
  ])
})

// Storage GB, API calls an hour, users, compute hours.
test.each([
  ['INDIVIDUAL', [10, 1_000, 3, 10]],
  ['SMALL_BUSINESS', [100, 10_000, 25, 100]],
  ['ENTERPRISE', [1_000, 100_000, 500, 1_000]],
  ['RESELLER', [5_000, 500_000, 2_000, 5_000]],
  ['PARTNER', [10_000, 1_000_000, 5_000, 10_000]],
] as const)('the quotas of %s are %j unless the operator says otherwise', (type, expected) => {
  const { storageGb, apiCallsPerHour, users, computeHours } = decideTenant({ ...INPUT, type }, NOW).quotas
  expect([storageGb, apiCallsPerHour, users, computeHours]).toEqual(expected)
})

test('a tenant moves only where the table says, and the refusal says where it may go', () => {
  for (const from of TENANT_STATUSES)
    for (const to of TENANT_STATUSES) {
      const legal = allowedMoves(from).includes(to)
      expect(codeOf(() => decideMove(tenant({ status: from }), to, null))).toBe(legal ? 'none' : 'tenant_status_conflict')
    }
  expect(() => decideSuspension(tenant({ status: 'churned' }), 'late')).toThrow(
    'tenant tnt_1 is churned and cannot become suspended; from there it can become active, deleted',
  )
})

test.each([
  ['pending_activation', null, null, 'active'],
  ['trial', null, '2026-03-02T00:00:00Z', 'active'],
  ['suspended', 'active', null, 'active'],
  ['suspended', 'trial', '2026-03-02T00:00:00Z', 'trial'],
  ['suspended', 'trial', '2026-03-01T00:00:00Z', 'active'], // the trial's end is not part of it
  ['churned', null, null, 'active'],
] as const)('activating a tenant that is %s (before: %s, trial until %s) makes it %s', (status, before, ends, becomes) => {
  const subject = tenant({ status, statusBeforeSuspension: before, trialEndsAt: ends === null ? null : at(ends) })
  expect(decideActivation(subject, null, NOW)).toEqual({ status: becomes, statusBeforeSuspension: null, statusReason: null })
})

test('a trial that ends leaves a subscriber active and anyone else suspended', () => {
  const trial = tenant({ status: 'trial', trialEndsAt: NOW })
  expect(decideTrialEnd(trial, true).status).toBe('active')
  expect(decideTrialEnd(trial, false)).toEqual({
    status: 'suspended',
    statusBeforeSuspension: 'trial',
    statusReason: 'trial ended',
  })
})

test.each([
  [{}, 'active', null],
  [{ trial: true }, 'trial', '2026-03-15T00:00:00Z'],
  [{ trialDays: 30 }, 'trial', '2026-03-31T00:00:00Z'],
  [{ trialDays: 30, timeZone: 'Europe/Berlin' }, 'trial', '2026-03-30T23:00:00Z'], // one o'clock at night there, both times
  [{ trial: false }, 'active', null],
  [{ activate: false }, 'pending_activation', null],
])('a new tenant with %j is %s until %s', (extra, status, ends) => {
  const decided = decideTenant({ ...INPUT, ...extra }, NOW)
  expect([decided.status, decided.trialEndsAt?.toString() ?? null]).toEqual([status, ends])
  expect(decided.quotas).toEqual({ storageGb: 100, apiCallsPerHour: 10_000, users: 25, computeHours: 100 })
})

test.each([
  [{ trial: false, trialDays: 3 }, 'trial_contradicted'],
  [{ trial: true, activate: false }, 'trial_contradicted'],
  [{ isolation: 'CLUSTER' as const }, 'cluster_required'],
  [{ clusterId: 'cls_1' }, 'cluster_not_used'],
  [{ currency: 'XYZ' }, 'currency_unknown'],
  [{ timeZone: 'Europe/Atlantis' }, 'time_zone_unknown'],
  [{ owner: { email: 'ada@example.com\r\nBcc: all@example.com', name: 'x' } }, 'email_invalid'],
])('a new tenant with %j is refused: %s', (extra, code) => {
  expect(codeOf(() => decideTenant({ ...INPUT, ...extra }, NOW))).toBe(code)
})

test.each(['+01:00', '2026-01-01T00:00[Europe/Berlin]', 'Z', '', 'Berlin'])('%j is no time zone', (zone) => {
  expect(codeOf(() => checkTimeZone(zone))).toBe('time_zone_unknown')
})

test('a time zone is kept in its own spelling', () => {
  expect(['europe/berlin', 'utc', 'US/Pacific', 'Etc/GMT+5'].map(checkTimeZone)).toEqual([
    'Europe/Berlin',
    'UTC',
    'US/Pacific',
    'Etc/GMT+5',
  ])
})

test.each([
  'a b@example.com',
  'a@b',
  '@example.com',
  'a@example.com ',
  'a@@example.com',
  'a@-x.com',
  `${'a'.repeat(65)}@example.com`,
  `a@${'b.'.repeat(126)}com`,
])('%j is no email', (email) => {
  expect(codeOf(() => checkEmail(email))).toBe('email_invalid')
})

test.each(['ada@example.com', 'ada+x@mail.example.co.uk', "o'neil@example.com", 'jürgen@example.com'])(
  '%s is an email',
  (email) => {
    expect(checkEmail(email)).toBe(email)
  },
)

test.each([
  ['Café Zürich, Inc.', 'cafe-zurich-inc'],
  ['  --  ', 'tenant'],
  ['株式会社', 'tenant'],
  ['x'.repeat(80), 'x'.repeat(50)],
])('the slug of %j is %s', (name, slug) => {
  expect(slugOf(name)).toBe(slug)
  expect(slugCandidates(name, 'tnt_01h455vb4pex5vsknk084sn02q')[1]).toBe(`${slug}-4sn02q`)
})

const PERIOD = { start: at('2026-03-01T00:00:00Z'), end: at('2026-04-01T00:00:00Z') }
const stay = (from: string, until?: string) => ({
  from: at(`2026-${from}T00:00:00Z`),
  until: until ? at(`2026-${until}T00:00:00Z`) : null,
})

test.each([
  ['nobody', [], 0],
  ['two who stay', [stay('01-01'), stay('03-10')], 2],
  ['one who leaves as another joins', [stay('01-01', '03-10'), stay('03-10')], 1],
  ['one who left as the period began', [stay('01-01', '03-01')], 0],
  ['one who joins as it ends', [stay('04-01')], 0],
  ['one who stays beyond the end', [stay('03-31', '05-01')], 1],
  ['a peak in the middle', [stay('03-02', '03-20'), stay('03-05', '03-15'), stay('03-10', '03-12'), stay('03-21')], 3],
  ['one removed at the instant it was added', [stay('03-05', '03-05')], 0],
])('the peak of members with %s', (_name, memberships, peak) => {
  expect(peakConcurrent(memberships, PERIOD)).toBe(peak)
})
