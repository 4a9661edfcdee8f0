import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { asOwner, completion, meterOf, rollUps } from '../../../test/harness/metering.ts'
import { EVENT_TYPES } from './event.ts'
import type { EventInput } from './schema.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const stored = async (tenant: string): Promise<number> =>
  (await asOwner<{ n: number }>(database, 'select count(*)::int as n from usage_events where tenant_id = $1', [tenant]))[0]?.n ??
  -1

test('an event is counted once for ever, also when its retry carries another timestamp, another cost and another process', async () => {
  // billing.json dedupe-04, where a retry with another timestamp counts twice, and dedupe-06, Stripe's meter events, where it does after 24 hours
  const tenant = await database.createTenant()
  const first = await meterOf(database).usage.record(tenant, completion('a'))
  expect(first).toEqual({ id: 'a', status: 'accepted', cost: '0.0036' })
  const retry = completion('a', { occurred_at: '2025-01-01T00:00:00Z', cost: '9', input_tokens: 5_000 })
  expect(await meterOf(database).usage.record(tenant, { ...retry, cost: '99' })).toEqual({ ...first, status: 'duplicate' })
  expect(await meterOf(database).usage.batch(tenant, [retry, completion('b')])).toMatchObject({ accepted: 1, duplicates: 1 })
  expect(await stored(tenant)).toBe(2)
  const hours = await asOwner(database, 'select events::int, cost from usage_hours where tenant_id = $1', [tenant])
  expect(hours).toEqual([{ events: 2, cost: '0.007200000000' }])
})

test('of several events with one id in a batch the first counts', async () => {
  // billing.json dedupe-03: getlago/lago-api refuses such a batch; ours takes each event once, so that a sender may merge its retries
  const tenant = await database.createTenant()
  const events = [completion('x', { input_tokens: 1 }), completion('y'), completion('x', { input_tokens: 2 }), completion('x')]
  expect(await meterOf(database).usage.batch(tenant, events)).toEqual({ accepted: 2, duplicates: 2, unpriced: 0, rejected: [] })
  const rows = await asOwner(database, `select input_tokens::int from usage_events where tenant_id = $1 and id = 'x'`, [tenant])
  expect(rows).toEqual([{ input_tokens: 1 }])
})

test('two tenants may use one id: each counts its own', async () => {
  const [one, other] = [await database.createTenant(), await database.createTenant()]
  const { usage } = meterOf(database)
  const answers = await Promise.all([usage.record(one, completion('same')), usage.record(other, completion('same'))])
  expect(answers.map(({ status }) => status)).toEqual(['accepted', 'accepted'])
  expect([await stored(one), await stored(other)]).toEqual([1, 1])
})

test('text that could break out of an array literal is stored as it was sent', async () => {
  const tenant = await database.createTenant()
  const texts = ['NULL', 'null', '{a,b}', 'a"b\\c', ' blank ', "it's", '日本 😀', '{}', '""', 'a,b']
  const { usage } = meterOf(database)
  const events = texts.map((text, i) => completion(text, { user_id: text, cost: '1', attributes: { [text]: `${text}${i}` } }))
  expect((await usage.batch(tenant, events)).accepted).toBe(texts.length)
  const rows = await asOwner<{ id: string; user_id: string; attributes: Record<string, string> }>(
    database,
    'select id, user_id, attributes from usage_events where tenant_id = $1',
    [tenant],
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  texts.forEach((text, i) => {
    expect(byId.get(text)).toEqual({ id: text, user_id: text, attributes: { [text]: `${text}${i}` } })
  })
})

const anyEvent: fc.Arbitrary<EventInput> = fc
  .record({
    id: fc.integer({ min: 0, max: 40 }).map((n) => `e${n}`),
    type: fc.constantFrom(...EVENT_TYPES),
    occurred_at: fc.integer({ min: 0, max: 10_800_000 }).map((ms) => new Date(Date.UTC(2026, 1, 1) + ms).toISOString()),
    provider: fc.option(fc.constantFrom('openai', 'anthropic'), { nil: undefined }),
    model: fc.option(fc.constantFrom('gpt-4', 'claude-3-opus', 'no-such-model'), { nil: undefined }),
    user_id: fc.option(fc.constantFrom('u1', 'u2'), { nil: undefined }),
    success: fc.boolean(),
    quantity: fc.integer({ min: 0, max: 1_000 }).map((n) => `${n}.000000000001`),
    input_tokens: fc.integer({ min: 100, max: 1_000 }),
    cached_input_tokens: fc.integer({ min: 0, max: 100 }),
    output_tokens: fc.integer({ min: 0, max: 50 }),
    duration_ms: fc.option(fc.integer({ min: 0, max: 9_999 }), { nil: undefined }),
  })
  // Left out, as JSON would have it.
  .map((event): EventInput => JSON.parse(JSON.stringify(event)))

test('the smallest amounts of storage integrate exactly, however many commits they came in', async () => {
  const tenant = await database.createTenant()
  const { usage } = meterOf(database)
  for (const id of ['tiny1', 'tiny2', 'tiny3'])
    await usage.record(tenant, {
      id,
      type: 'STORAGE_OPERATION',
      quantity: '0.000000000001',
      occurred_at: '2026-02-01T10:00:00.000007Z',
    })
  const sum = await asOwner(database, 'select quantity_seconds from usage_hours where tenant_id = $1', [tenant])
  expect(sum).toEqual([{ quantity_seconds: '0.000000000000000021' }])
})

test('whatever batches overlap, also at once, the roll-ups are the sums of the events, each once', async () => {
  const plan = fc.array(fc.array(anyEvent, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(plan, async (batches) => {
      const tenant = await database.createTenant()
      const { usage } = meterOf(database)
      const results = await Promise.all(batches.map((events) => usage.batch(tenant, events)))
      const ids = new Set(batches.flat().map(({ id }) => id))
      expect(results.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(ids.size)
      expect(await stored(tenant)).toBe(ids.size)
    }),
    { numRuns: 25 },
  )
  const { stored: kept, recounted } = await rollUps(database)
  expect(kept).toEqual(recounted)
})
