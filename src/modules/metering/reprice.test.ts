import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { asOwner, completion, meterOf, rollUps } from '../../../test/harness/metering.ts'
import { settableClock } from '../../platform/clock.ts'
import { type Place, SHARED_SCHEMA } from '../../platform/db/place.ts'
import { realIds } from '../../platform/system-ids.ts'
import { type ModelPrice, ratesFrom, statedFrom } from './model-price.ts'
import { priceBooks } from './price-book-cache.ts'
import { modelPriceService } from './price-service.ts'
import { repriceEvents } from './reprice-events.ts'

let database: TestDatabase
const clock = settableClock('2026-03-01T12:00:00Z')

const places = async function* (): AsyncGenerator<Place> {
  yield { isolation: 'SHARED', url: database.appUrl, schema: SHARED_SCHEMA }
}
const prices = () => modelPriceService({ clock, ids: realIds(), outbox: { add: async () => {} }, db: database.db, places })

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const put = (model: string, input: string, effectiveFrom?: string): Promise<ModelPrice> =>
  database.db.control.asOperator('test', (tx) =>
    prices().put(tx, {
      provider: 'acme',
      model,
      effectiveFrom: effectiveFrom === undefined ? undefined : Temporal.Instant.from(effectiveFrom),
      rates: { input_per_mtok: input, output_per_mtok: '0' },
    }),
  )

const reprice = (over: () => AsyncIterable<Place> = places) =>
  repriceEvents({ db: database.db, prices: priceBooks({ db: database.db, log: silent }), places: over })()

const of = (model: string, id: string, at = '2026-03-01T10:20:30Z') =>
  completion(id, { provider: 'acme', model, occurred_at: at, input_tokens: 1_000_000, output_tokens: 0 })

const sums = (tenant: string) =>
  asOwner(
    database,
    'select sum(events)::int as events, sum(cost)::text as cost, sum(unpriced)::int as unpriced from usage_hours where tenant_id = $1',
    [tenant],
  )

test('stated rates survive the way to pico-dollars and back', () => {
  const stated = {
    input_per_mtok: '2.5',
    output_per_mtok: '0.000001',
    cached_input_per_mtok: '0',
    cache_write_per_mtok: '999999999.999999',
    reasoning_per_mtok: '10',
    per_call: '0.000000000001',
    tiers: [{ input_per_mtok: '5', output_per_mtok: '15', above_input_tokens: 200_000 }],
  }
  expect(statedFrom(ratesFrom(stated))).toEqual(stated)
  expect(() => ratesFrom({ input_per_mtok: '0.0000001', output_per_mtok: '0' })).toThrow(
    expect.objectContaining({ code: 'price_too_fine' }),
  )
})

test('what was recorded without a price is repriced once when it comes, over all tenants, however often the job runs', async () => {
  const [one, other] = [await database.createTenant(), await database.createTenant()]
  const { usage } = meterOf(database)
  expect(await usage.record(one, of('later', 'a'))).toMatchObject({ status: 'accepted', cost: null })
  expect(await usage.batch(one, [of('later', 'b'), of('never', 'c'), of('later', 'd', '2026-02-01T00:00:00Z')])).toMatchObject({
    unpriced: 3,
  })
  await usage.record(other, of('later', 'a'))
  expect(await reprice()).toBe(0)
  await put('later', '2', '2026-03-01T00:00:00Z')
  expect(await Promise.all([reprice(), reprice(), reprice()]).then((counts) => counts.reduce((sum, n) => sum + n))).toBe(3)
  expect(await reprice()).toBe(0)
  expect(await sums(one)).toEqual([{ events: 4, cost: '4.000000000000', unpriced: 2 }])
  expect(await sums(other)).toEqual([{ events: 1, cost: '2.000000000000', unpriced: 0 }])
  const { stored, recounted } = await rollUps(database)
  expect(stored).toEqual(recounted)
})

test('repricing while more arrives loses and doubles nothing', async () => {
  const tenant = await database.createTenant()
  const { usage } = meterOf(database)
  const list = (from: number) => Array.from({ length: 1_500 }, (_, i) => of('busy', `e${String(from + i).padStart(6, '0')}`))
  await usage.batch(tenant, list(0))
  await put('busy', '1', '2026-01-01T00:00:00Z')
  await Promise.all([reprice(), usage.batch(tenant, list(1_000)), reprice(), usage.batch(tenant, list(2_000)), reprice()])
  await reprice()
  expect(await sums(tenant)).toEqual([{ events: 3_500, cost: '3500.000000000000', unpriced: 0 }])
  const { stored, recounted } = await rollUps(database)
  expect(stored).toEqual(recounted)
})

test('a price holds from its instant on: an event is billed at that of its time, in every process', async () => {
  const tenant = await database.createTenant()
  await put('dated', '1', '2026-01-01T00:00:00Z')
  await put('dated', '3', '2026-03-01T10:00:00Z')
  const { usage } = meterOf(database)
  const cost = async (at: string) => (await usage.record(tenant, of('dated', at, at))).cost
  expect(await cost('2026-03-01T09:59:59.999999Z')).toBe('1')
  expect(await cost('2026-03-01T10:00:00Z')).toBe('3')
  expect(await cost('2025-12-31T23:59:59.999999Z')).toBeNull()
})

test('two tiers above the same input are refused: which one holds would be chance', async () => {
  const tier = { input_per_mtok: '1', output_per_mtok: '1', above_input_tokens: 200_000 }
  const rates = { input_per_mtok: '1', output_per_mtok: '1', tiers: [tier, { ...tier, input_per_mtok: '2' }] }
  const set = database.db.control.asOperator('test', (tx) => prices().put(tx, { provider: 'acme', model: 'tiered', rates }))
  await expect(set).rejects.toMatchObject({ kind: 'unprocessable', code: 'tier_repeated' })
})

test('a price that is set for later leaves what came before it unpriced and starts with its instant', async () => {
  const tenant = await database.createTenant()
  await put('coming', '7', '2026-03-01T12:03:00Z')
  const { usage } = meterOf(database)
  const cost = async (at: string) => (await usage.record(tenant, of('coming', at, at))).cost
  expect(await cost('2026-03-01T12:00:00Z')).toBeNull()
  expect(await cost('2026-03-01T12:03:00Z')).toBe('7')
  expect(await reprice()).toBe(0)
  await put('coming', '2', '2026-03-01T11:00:00Z')
  expect(await reprice()).toBe(1)
  expect(await sums(tenant)).toEqual([{ events: 2, cost: '9.000000000000', unpriced: 0 }])
})

test('a price that replaces one is seen, also when the clock of who set it is behind', async () => {
  const books = priceBooks({ db: database.db, log: silent })
  const price = async () => (await books.latest()).resolve('acme', 'replaced', clock.now())?.rates.input
  await put('replaced', '1', '2026-01-01T00:00:00Z')
  expect(await price()).toBe(1_000_000n)
  clock.set('2026-02-01T00:00:00Z')
  await put('replaced', '2', '2026-01-01T00:00:00Z')
  clock.set('2026-03-01T12:00:00Z')
  expect(await price()).toBe(2_000_000n)
})

test('a place that cannot be reached keeps no other from its prices, and the failure is told', async () => {
  const tenant = await database.createTenant()
  await meterOf(database).usage.record(tenant, of('late', 'waits'))
  await put('late', '4', '2026-01-01T00:00:00Z')
  const withBroken = async function* (): AsyncGenerator<Place> {
    yield { isolation: 'SCHEMA', url: database.appUrl, schema: 'no_such_schema' }
    yield* places()
  }
  await expect(reprice(withBroken)).rejects.toThrow('1 places')
  expect(await sums(tenant)).toEqual([{ events: 1, cost: '4.000000000000', unpriced: 0 }])
})

test('models that wait for a price are listed with how many events of how many tenants wait, and leave the list when they are priced', async () => {
  const [one, other] = [await database.createTenant(), await database.createTenant()]
  const { usage } = meterOf(database)
  await usage.batch(one, [of('rare', '1'), of('much', '2', '2026-02-01T00:00:00Z'), of('much', '3')])
  await usage.record(other, of('much', '4', '2026-02-20T00:00:00Z'))
  const listed = async () =>
    (await prices().unpriced())
      .filter(({ model }) => ['rare', 'much'].includes(model))
      .map(({ provider, model, events, tenants, first_seen, last_seen }) =>
        [provider, model, events, tenants, first_seen, last_seen].map(String),
      )
  const rare = ['acme', 'rare', '1', '1', '2026-03-01T10:20:30Z', '2026-03-01T10:20:30Z']
  expect(await listed()).toEqual([['acme', 'much', '3', '2', '2026-02-01T00:00:00Z', '2026-03-01T10:20:30Z'], rare])
  await put('much', '1', '2026-01-01T00:00:00Z')
  await reprice()
  expect(await listed()).toEqual([rare])
})
