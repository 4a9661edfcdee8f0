import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { seededIds } from '../../lib/ids.ts'
import { settableClock } from '../../platform/clock.ts'
import type { ControlTx, Database } from '../../platform/db/database.ts'
import { unavailable } from '../../platform/errors.ts'
import { limitCache, limitService } from './index.ts'
import type { LimitTerms } from './limit.ts'

const limits = limitService({ clock: settableClock('2026-03-01T00:00:00Z'), ids: seededIds(7) })
let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const asOperator = <T>(work: (tx: ControlTx) => Promise<T>): Promise<T> => database.db.control.asOperator('test', work)
const TERMS: LimitTerms = {
  name: 'calls',
  scopes: ['GLOBAL'],
  policy: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 1_000 },
  adaptive: null,
  overrides: [],
  endpoints: [],
  resources: [],
  schedule: [],
  reserved: [],
  priority: 0,
  mode: 'enforce',
  onUnavailable: 'closed',
  leased: false,
}

/** A cache whose time is told, over a database that can be reached or not. */
const stand = () => {
  let [ms, asked, away] = [0, 0, false]
  const db: Pick<Database, 'lookup'> = {
    lookup: (work) => {
      asked += 1
      return away ? Promise.reject(unavailable('database_unavailable', 'away')) : database.db.lookup(work)
    },
  }
  return {
    cache: limitCache({ db, log: silent, monotonicMs: () => ms }),
    asked: () => asked,
    travel: (by: number) => {
      ms += by
    },
    leave: () => {
      away = true
    },
  }
}

test('a change anywhere holds after a second; until half of it nobody asks again, however many ask', async () => {
  const { cache, asked, travel } = stand()
  const { id } = await asOperator((tx) => limits.create(tx, TERMS))
  await Promise.all(Array.from({ length: 100 }, () => cache.current()))
  expect(asked()).toBe(1)
  await asOperator((tx) => limits.change(tx, id, { name: 'changed' }))
  travel(499)
  expect((await cache.find(id))?.current.name).toBe('calls')
  expect(asked()).toBe(1)
  travel(501)
  expect(await cache.find(id)).toMatchObject({ current: { name: 'changed', version: 2 }, past: [{ name: 'calls', version: 1 }] })
  expect(asked()).toBe(2)
})

test('a limit made meanwhile is found by its id at once; one archived is gone after a second', async () => {
  const { cache, travel } = stand()
  await cache.current()
  const { id } = await asOperator((tx) => limits.create(tx, TERMS))
  expect((await cache.find(id))?.id).toBe(id)
  await asOperator((tx) => limits.archive(tx, id))
  travel(1_000)
  expect(await cache.find(id)).toBeUndefined()
})

test('limits come by priority, and one that did not change is the same object as before', async () => {
  const { cache, travel } = stand()
  const low = await asOperator((tx) => limits.create(tx, { ...TERMS, priority: -5 }))
  const high = await asOperator((tx) => limits.create(tx, { ...TERMS, priority: 5 }))
  const before = await cache.current()
  expect([...before.keys()][0]).toBe(high.id)
  expect([...before.keys()].at(-1)).toBe(low.id)
  travel(1_000)
  expect((await cache.current()).get(low.id)).toBe(before.get(low.id))
})

test('known limits hold while the database is away, and it is asked twice a second', async () => {
  const { cache, asked, travel, leave } = stand()
  const { id } = await asOperator((tx) => limits.create(tx, TERMS))
  await cache.current()
  leave()
  travel(1_000)
  expect((await cache.current()).get(id)?.id).toBe(id)
  expect((await cache.current()).size).toBeGreaterThan(0)
  expect(asked()).toBe(2)
  travel(500)
  await cache.current()
  expect(asked()).toBe(3)
})

test('without any limits known, an outage is told: nothing is open for it', async () => {
  const { cache, leave } = stand()
  leave()
  await expect(cache.current()).rejects.toMatchObject({ code: 'database_unavailable' })
})
