import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { seededIds } from '../../lib/ids.ts'
import { settableClock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { findCurrentVersion, findPlanVersion, planService, seedCatalogue, sellableVersion } from './index.ts'
import type { NewPlanInput } from './service.ts'

const clock = settableClock('2026-03-01T00:00:00Z')
const ids = seededIds(3)
const plans = planService({ clock, ids })
let database: TestDatabase
let acme: string
let globex: string

const asOperator = <T>(work: (tx: ControlTx) => Promise<T>): Promise<T> => database.db.control.asOperator('test', work)
const as = <T>(tenant: string, work: (tx: ControlTx) => Promise<T>): Promise<T> => database.db.control.inTenant(tenant, work)

const GOLD: NewPlanInput = {
  code: 'gold',
  name: 'Gold',
  currency: 'USD',
  monthlyPrice: '500.00',
  included: { compute_hours: '1000', api_calls: '500000', storage_gb: '200', users: '20' },
  overage: { api_calls: '0.04' },
  hardStop: false,
  apiCallsPerMinute: 3000,
  concurrentAgents: 30,
  llmPassThrough: true,
  llmMarkupPercent: '20',
  trialDays: 14,
}

beforeAll(async () => {
  database = await testDatabase()
  acme = await database.createTenant()
  globex = await database.createTenant()
  await asOperator((tx) => seedCatalogue(tx, { clock, ids }))
})
afterAll(() => database.close())

test('seeding twice, and twice at once, leaves the five tiers as they are, in their order', async () => {
  const before = await asOperator((tx) => findCurrentVersion(tx, 'pro'))
  await Promise.all([1, 2].map(() => asOperator((tx) => seedCatalogue(tx, { clock, ids }))))
  expect(await asOperator((tx) => findCurrentVersion(tx, 'pro'))).toEqual(before)
  const { data, nextCursor } = await as(acme, (tx) => plans.list(tx, {}))
  expect(data.map(({ code }) => code)).toEqual(['free', 'starter', 'pro', 'business', 'enterprise'])
  expect(nextCursor).toBeNull()
})

test('pages follow each other without gap or repeat; a foreign cursor is refused', async () => {
  const first = await as(acme, (tx) => plans.list(tx, { limit: 2 }))
  const second = await as(acme, (tx) => plans.list(tx, { limit: 2, cursor: first.nextCursor ?? '' }))
  const third = await as(acme, (tx) => plans.list(tx, { limit: 2, cursor: second.nextCursor ?? '' }))
  expect([first, second, third].flatMap(({ data }) => data.map(({ code }) => code))).toEqual(
    'free starter pro business enterprise'.split(' '),
  )
  await expect(as(acme, (tx) => plans.list(tx, { cursor: 'bm9wZQ' }))).rejects.toMatchObject({ code: 'cursor_invalid' })
})

test("an unknown plan's error lists those there are", async () => {
  await expect(as(acme, (tx) => plans.read(tx, 'silver'))).rejects.toMatchObject({
    kind: 'not_found',
    message: "plan 'silver' does not exist; GET /plans lists free, starter, pro, business, enterprise",
  })
})

test('a custom plan of one tenant does not exist for another: neither its row, nor its terms, nor to buy', async () => {
  const code = `gold-${acme.slice(-6)}`
  const gold = await asOperator((tx) => plans.create(tx, { ...GOLD, code, tenantId: acme }))
  expect(gold).toMatchObject({
    tier: 'CUSTOM',
    tenantId: acme,
    current: { version: 1, monthlyPrice: 50000n, llmMarkupPercent: '20' },
  })
  expect((await as(acme, (tx) => plans.read(tx, code))).plan.current.id).toBe(gold.current.id)
  expect(await as(globex, (tx) => findPlanVersion(tx, gold.current.id))).toBeUndefined()
  const raw = await as(globex, (tx) => tx.selectFrom('plan_versions').select('id').where('id', '=', gold.current.id).execute())
  expect(raw).toEqual([])
  await expect(as(globex, (tx) => plans.read(tx, code))).rejects.toMatchObject({ code: 'plan_not_found' })
  await expect(asOperator((tx) => sellableVersion(tx, code, globex))).rejects.toMatchObject({ code: 'plan_not_found' })
  expect((await asOperator((tx) => sellableVersion(tx, code, acme))).id).toBe(gold.current.id)
})

test('a taken code and an unknown tenant are told', async () => {
  await expect(asOperator((tx) => plans.create(tx, { ...GOLD, code: 'pro' }))).rejects.toMatchObject({ code: 'plan_exists' })
  const orphan = asOperator((tx) => plans.create(tx, { ...GOLD, code: 'orphan', tenantId: 'tnt_none' }))
  await expect(orphan).rejects.toMatchObject({ code: 'tenant_not_found', message: 'tenant tnt_none does not exist' })
})

test('new terms are a new version, numbered without gap under a race; the old one stays as it was sold', async () => {
  const sold = (await asOperator((tx) => plans.create(tx, { ...GOLD, code: 'race' }))).current
  const prices = ['501', '502', '503', '504']
  const added = await Promise.all(
    prices.map((monthlyPrice) => asOperator((tx) => plans.addVersion(tx, 'race', { ...GOLD, monthlyPrice }))),
  )
  expect(added.map(({ current }) => current.version).toSorted()).toEqual([2, 3, 4, 5])
  expect(await as(acme, (tx) => findPlanVersion(tx, sold.id))).toEqual(sold)
  const change = asOperator((tx) =>
    tx.updateTable('plan_versions').set({ monthly_price: 1n }).where('id', '=', sold.id).execute(),
  )
  await expect(change).rejects.toThrow(/permission denied|append-only/)
})

test('an archived plan is not sold or changed any more; archiving again keeps the first date', async () => {
  await asOperator((tx) => plans.create(tx, { ...GOLD, code: 'old' }))
  const { archivedAt } = await asOperator((tx) => plans.archive(tx, 'old'))
  clock.set('2026-03-02T00:00:00Z')
  expect((await asOperator((tx) => plans.archive(tx, 'old'))).archivedAt).toEqual(archivedAt)
  await expect(as(acme, (tx) => sellableVersion(tx, 'old', acme))).rejects.toMatchObject({
    kind: 'conflict',
    code: 'plan_archived',
  })
  await expect(asOperator((tx) => plans.addVersion(tx, 'old', GOLD))).rejects.toMatchObject({ code: 'plan_archived' })
  expect((await as(acme, (tx) => plans.list(tx, { archived: true }))).data.map(({ code }) => code)).toEqual(['old'])
  expect((await as(acme, (tx) => plans.list(tx, { limit: 200 }))).data.map(({ code }) => code)).not.toContain('old')
})
