import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from '../../../test/harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp()
})
afterAll(() => t.close())

const POLICIES = [
  { algorithm: 'FIXED_WINDOW', limit: 100, window_ms: 60_000 },
  { algorithm: 'FIXED_WINDOW', limit: 100, window_ms: 60_000, anchor: 'first_use' },
  { algorithm: 'FIXED_WINDOW', limit: 100, anchor: { unit: 'day', time_zone: 'Europe/Berlin' } },
  { algorithm: 'SLIDING_WINDOW', limit: 100, window_ms: 60_000, buckets: 10 },
  { algorithm: 'SLIDING_WINDOW', limit: 100, window_ms: 60_000, approximate: true },
  { algorithm: 'TOKEN_BUCKET', capacity: 20, refill: { tokens: 10, per_ms: 1_000 }, mode: 'interval' },
  { algorithm: 'LEAKY_BUCKET', capacity: 20, leak: { amount: 10, per_ms: 1_000 }, mode: 'shaper' },
  { algorithm: 'COST_BASED', limit: '12.50', anchor: { unit: 'month', time_zone: 'UTC' } },
] as const
const [PER_MINUTE] = POLICIES
const ADAPTIVE = {
  algorithm: 'ADAPTIVE',
  base: 100,
  minimum: 50,
  maximum: 200,
  adjustment_factor: 0.05,
  cooldown_ms: 60_000,
  timeout_ms: 10_000,
  easy_ms: 250,
  over: { algorithm: 'SLIDING_WINDOW', window_ms: 60_000, buckets: 10 },
}

const ask = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
  t.call(method, `/rate-limits${path}`, { key: t.operatorKey, ...(body === undefined ? {} : { body }) })
const create = (change: object = {}) => ask('POST', '', { name: 'calls', scopes: ['PER_TENANT'], policy: PER_MINUTE, ...change })

test.each(POLICIES)('a limit of $algorithm is read as it was written', async (policy) => {
  const terms = {
    name: 'calls of chat',
    scopes: ['PER_TENANT', 'PER_ENDPOINT'],
    policy,
    overrides: [
      { match: { tenant_id: 'tnt_1', user_id: 'robot-*' }, policy },
      { match: { tier: 'ENTERPRISE', schedule: [{ hours: { time_zone: 'UTC', to: '12:00' } }] }, policy: null },
    ],
    endpoints: ['POST /v1/*'],
    resources: ['gpt-*'],
    schedule: [
      { starts_at: '2026-11-27T00:00:00Z', ends_at: '2026-12-01T00:00:00Z' },
      { hours: { time_zone: 'Europe/Berlin', days: ['friday', 'saturday'], from: '22:00', to: '06:00' } },
    ],
    reserved: policy.algorithm === 'COST_BASED' ? [] : [{ min_priority: 5, percent: 20 }],
    priority: 7,
    mode: 'shadow',
    on_unavailable: 'local',
    leased: false,
  }
  const created = await ask('POST', '', terms)
  expect([created.status, created.body]).toEqual([201, expect.objectContaining({ ...terms, version: 1, archived_at: null })])
  const read = await ask('GET', `/${created.body.id}`)
  expect(read.body).toMatchObject({ ...terms, versions: [{ ...terms, version: 1 }] })
})

test('a limit that follows the load is read as it was written, and a change of its policy may end that', async () => {
  const created = await create({ policy: ADAPTIVE })
  expect(created.body).toMatchObject({ policy: ADAPTIVE, level: null })
  expect((await ask('PATCH', `/${created.body.id}`, { priority: 1 })).body).toMatchObject({ version: 2, policy: ADAPTIVE })
  const ended = await ask('PATCH', `/${created.body.id}`, { policy: PER_MINUTE })
  expect(ended.body).toMatchObject({ version: 3, policy: PER_MINUTE, level: null })
})

test('left out, a limit enforces, refuses while its counts are away, and is about everything', async () => {
  const { body } = await create()
  expect(body).toMatchObject({
    mode: 'enforce',
    on_unavailable: 'closed',
    overrides: [],
    endpoints: [],
    resources: [],
    schedule: [],
    reserved: [],
    priority: 0,
    leased: false,
  })
})

test('a limit is leased when that is said, and is read and changed so', async () => {
  const created = await create({ scopes: ['GLOBAL'], leased: true, overrides: [{ match: { tier: 'PRO' }, policy: null }] })
  expect([created.status, created.body]).toEqual([201, expect.objectContaining({ leased: true, version: 1 })])
  expect((await ask('PATCH', `/${created.body.id}`, { leased: true })).body).toMatchObject({ leased: true, version: 1 })
  expect((await ask('PATCH', `/${created.body.id}`, { leased: false })).body).toMatchObject({ leased: false, version: 2 })
  const { body } = await ask('GET', `/${created.body.id}`)
  expect(body.versions).toMatchObject([{ leased: false }, { leased: true }])
})

test('a change is a new version, and what held before stays readable; no change is none', async () => {
  const { id } = (await create()).body
  const changed = await ask('PATCH', `/${id}`, { policy: { ...PER_MINUTE, limit: 5 } })
  expect(changed.body).toMatchObject({ version: 2, name: 'calls', policy: { limit: 5 } })
  expect((await ask('PATCH', `/${id}`, { policy: { ...PER_MINUTE, limit: 5 }, name: 'calls' })).body.version).toBe(2)
  const { body } = await ask('GET', `/${id}`)
  expect(body.versions).toMatchObject([
    { version: 2, policy: { limit: 5 } },
    { version: 1, policy: { limit: 100 } },
  ])
})

test('changes at once are each a version, numbered without gap', async () => {
  const { id } = (await create()).body
  const answers = await Promise.all([1, 2, 3, 4].map((priority) => ask('PATCH', `/${id}`, { priority })))
  expect(answers.map(({ body }) => body.version).toSorted()).toEqual([2, 3, 4, 5])
})

test('no version is ever changed, also not by the server itself', async () => {
  const change = t.app.db.control.asOperator('test', (tx) => tx.updateTable('rate_limit_versions').set({ priority: 9 }).execute())
  await expect(change).rejects.toThrow(/permission denied|append-only/)
})

test('an archived limit is listed apart and changed no more; archiving again keeps the first date', async () => {
  const { id } = (await create({ name: 'old' })).body
  const first = await ask('DELETE', `/${id}`)
  expect((await ask('DELETE', `/${id}`)).body).toEqual(first.body)
  const again = await ask('PATCH', `/${id}`, { priority: 1 })
  expect([again.status, again.body.code]).toEqual([409, 'rate_limit_archived'])
  expect((await ask('GET', '?archived=true')).body.data).toMatchObject([{ id }])
  expect((await ask('GET', '?limit=200')).text).not.toContain(String(id))
})

test('versions page from the newest on, each with when the next one took its place, over the edge of a page too', async () => {
  const { id } = (await create()).body
  for (const priority of [1, 2, 3, 4]) await ask('PATCH', `/${id}`, { priority })
  await ask('DELETE', `/${id}`)
  const whole = (await ask('GET', `/${id}`)).body
  const all = Array.isArray(whole.versions) ? whole.versions : []
  expect(all.map(({ version }) => version)).toEqual([5, 4, 3, 2, 1])
  expect(all.map(({ until }) => until)).toEqual([whole.archived_at, ...all.slice(0, -1).map(({ created_at }) => created_at)])
  expect(whole.next_cursor).toBeNull()
  const pages: unknown[] = []
  let cursor = ''
  do {
    const { body } = await ask('GET', `/${id}?limit=2${cursor}`)
    pages.push(body.versions)
    cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`
  } while (cursor !== '')
  expect(pages).toEqual([all.slice(0, 2), all.slice(2, 4), all.slice(4)])
  for (const wrong of ['nonsense', (await ask('GET', '?limit=1')).body.next_cursor])
    expect(await ask('GET', `/${id}?cursor=${wrong}`)).toMatchObject({ status: 400, body: { code: 'cursor_invalid' } })
})

test('pages follow each other without gap or repeat', async () => {
  const whole = await ask('GET', '?limit=200')
  const ids: unknown[] = []
  for (let cursor: unknown = ''; cursor !== null; ) {
    const { body } = await ask('GET', `?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)
    ids.push(...[body.data].flat())
    cursor = body.next_cursor
  }
  expect(ids).toEqual(whole.body.data)
})

test.each([
  [
    'windows without a length',
    { policy: { algorithm: 'FIXED_WINDOW', limit: 1 } },
    'policy_invalid',
    'policy: window_ms is missing',
  ],
  [
    'a window longer than a year',
    { policy: { ...PER_MINUTE, window_ms: 1e12 } },
    'policy_invalid',
    'policy: window_ms is 1000000000000; it must be a whole number from 1 to 31622400000',
  ],
  [
    'a bucket that never fills',
    { policy: { algorithm: 'TOKEN_BUCKET', capacity: 1, refill: { tokens: 0, per_ms: 1 } } },
    'policy_invalid',
    /^policy: refill.tokens is 0; it must be a whole number from 1/,
  ],
  [
    'what cannot be counted exactly',
    { policy: { algorithm: 'TOKEN_BUCKET', capacity: 2 ** 52, refill: { tokens: 7, per_ms: 86_400_001 } } },
    'policy_invalid',
    /^policy: capacity 4503599627370496 at 7 per .* cannot be counted exactly/,
  ],
  [
    'too few buckets',
    { policy: { algorithm: 'SLIDING_WINDOW', limit: 1, window_ms: 1_000, buckets: 2 } },
    'policy_invalid',
    'policy: buckets is 2; it must be a whole number from 10 to 60',
  ],
  [
    'the calendar of nowhere',
    { policy: { algorithm: 'FIXED_WINDOW', limit: 1, anchor: { unit: 'day', time_zone: 'Mars/Olympus' } } },
    'time_zone_unknown',
    /Mars\/Olympus/,
  ],
  [
    'a calendar and a length',
    { policy: { algorithm: 'FIXED_WINDOW', limit: 1, window_ms: 1, anchor: { unit: 'day', time_zone: 'UTC' } } },
    'policy_invalid',
    /leave out one of them/,
  ],
  [
    'a span without a time',
    { schedule: [{ ends_at: '2026-01-01T00:00:00Z' }, {}] },
    'schedule_invalid',
    'schedule.1 says no time; leave it out',
  ],
  [
    'a span that ends before it begins',
    { schedule: [{ starts_at: '2026-01-02T00:00:00Z', ends_at: '2026-01-01T00:00:00Z' }] },
    'schedule_invalid',
    'schedule.0 ends before it begins',
  ],
  [
    'hours that are all there are',
    { overrides: [{ match: { schedule: [{ hours: { time_zone: 'Europe/Berlin', to: '00:00' } }] }, policy: null }] },
    'schedule_invalid',
    'overrides.0.match.schedule.0 holds at every hour; say days, from or to that leave some out, or leave out hours',
  ],
  [
    'spans that are all times together',
    {
      schedule: [
        { hours: { time_zone: 'Europe/Berlin', from: '22:00', to: '06:00' } },
        { hours: { time_zone: 'Europe/Berlin', from: '06:00', to: '22:00' } },
      ],
    },
    'schedule_invalid',
    'schedule holds at all times, its spans together; leave it out, or say which times it is not for',
  ],
  [
    'the hours of nowhere',
    { schedule: [{ hours: { time_zone: 'Mars/Olympus', from: '09:00' } }] },
    'time_zone_unknown',
    /Mars\/Olympus/,
  ],
  [
    'an override at no time',
    { overrides: [{ match: { schedule: [{ hours: { time_zone: 'UTC', from: '09:00', to: '09:00' } }] }, policy: null }] },
    'schedule_invalid',
    'overrides.0.match.schedule.0 is from 09:00 to 09:00, which is no time; leave out both for whole days',
  ],
  [
    'more than the whole in reserve',
    {
      reserved: [
        { min_priority: 1, percent: 60 },
        { min_priority: 2, percent: 41 },
      ],
    },
    'reserved_invalid',
    'reserved comes to 101 percent; there are 100',
  ],
  [
    'money in reserve',
    { policy: { algorithm: 'COST_BASED', limit: '1', window_ms: 1_000 }, reserved: [{ min_priority: 1, percent: 60 }] },
    'reserved_invalid',
    'policy counts money, of which nothing can be reserved',
  ],
  [
    'parts that would be counted in other ticks',
    {
      policy: { algorithm: 'TOKEN_BUCKET', capacity: 200_000, refill: { tokens: 7, per_ms: 86_400_001 } },
      reserved: [{ min_priority: 1, percent: 60 }],
    },
    'reserved_invalid',
    'policy is too large at its pace to be counted in parts; a rounder refill can be',
  ],
  [
    'a base below the minimum',
    { policy: { ...ADAPTIVE, base: 49 } },
    'policy_invalid',
    'policy: base is 49; it must be a whole number from 50',
  ],
  [
    'steps that would swing',
    { policy: { ...ADAPTIVE, adjustment_factor: 0.2 } },
    'policy_invalid',
    'policy: adjustment_factor is 0.2; it must be above 0 and at most 0.15',
  ],
  ['GLOBAL with others', { scopes: ['GLOBAL', 'PER_IP'] }, 'scopes_contradict', /stands alone/],
  ['an override for all', { overrides: [{ match: {}, policy: null }] }, 'override_invalid', /^overrides.0 matches everything/],
  [
    'an override that cannot be counted',
    { overrides: [{ match: { tier: 'PRO' }, policy: { algorithm: 'COST_BASED', limit: '1' } }] },
    'policy_invalid',
    'overrides.0.policy: window_ms is missing',
  ],
  [
    'money in place of a count',
    { overrides: [{ match: { tier: 'PRO' }, policy: { algorithm: 'COST_BASED', limit: '1', window_ms: 1 } }] },
    'override_invalid',
    /counts in another unit/,
  ],
  [
    'a lease of less than two tokens',
    { leased: true, policy: { ...PER_MINUTE, limit: 99 } },
    'lease_invalid',
    'leased: a lease of 0.02 of 99 is less than two tokens; a larger limit or share can be leased',
  ],
  [
    'a lease of money',
    { leased: true, policy: { algorithm: 'COST_BASED', limit: '500', window_ms: 60_000 } },
    'lease_invalid',
    /^leased: money cannot be leased; what can are fixed windows/,
  ],
  [
    'a lease of a short sliding window',
    { leased: true, policy: { algorithm: 'SLIDING_WINDOW', limit: 1_000, window_ms: 5_000 } },
    'lease_invalid',
    'leased: window_ms is 5000; a leased sliding window is 10000 or longer',
  ],
  ['a lease of what follows the load', { leased: true, policy: ADAPTIVE }, 'lease_invalid', /^leased: an ADAPTIVE policy cannot/],
  [
    'a lease of what is reserved',
    { leased: true, reserved: [{ min_priority: 1, percent: 10 }] },
    'lease_invalid',
    /^leased: what is reserved cannot be leased/,
  ],
  [
    'a lease of several policies',
    {
      leased: true,
      overrides: [
        { match: { tier: 'FREE' }, policy: null },
        { match: { tier: 'PRO' }, policy: PER_MINUTE },
      ],
    },
    'lease_invalid',
    'leased: overrides.1 has a policy, and a block is of one policy; make it a limit of its own',
  ],
])('%s is refused in words', async (_name, change, code, detail) => {
  const { status, body } = await create(change)
  expect([status, body.code, body.detail]).toEqual([
    422,
    code,
    typeof detail === 'string' ? detail : expect.stringMatching(detail),
  ])
})
