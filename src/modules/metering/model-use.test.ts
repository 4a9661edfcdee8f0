import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import type { Database } from '../../platform/db/database.ts'
import { unavailable } from '../../platform/errors.ts'
import { usePricing } from './model-use.ts'
import { priceBooks } from './price-book-cache.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => {
  vi.useRealTimers()
  await database.close()
})

const NOW = Temporal.Instant.from('2026-03-01T00:00:00Z')
// 200 × 3 and 1,024 × 15 millionths of a dollar: case QU07, BerriAI/litellm#27509.
const QU07 = { provider: 'anthropic', model: 'claude-3-sonnet', input_tokens: 200, output_tokens: 1_024 }
const COST = 15_960_000_000n

test('calls are priced from memory: the database is asked twice a second at most, and may be away once prices are known', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  let [asked, away] = [0, true]
  const db: Pick<Database, 'lookup'> = {
    lookup: (work) => {
      asked += 1
      return away ? Promise.reject(unavailable('database_unavailable', 'away')) : database.db.lookup(work)
    },
  }
  const priceUse = usePricing({ prices: priceBooks({ db, log: silent }), waitMs: 1_000 })
  await expect(priceUse(QU07, NOW)).rejects.toMatchObject({ code: 'database_unavailable' })
  away = false
  expect(await priceUse(QU07, NOW)).toBe(COST)
  asked = 0
  vi.advanceTimersByTime(499)
  expect(await Promise.all(Array.from({ length: 100 }, () => priceUse(QU07, NOW)))).toEqual(Array(100).fill(COST))
  expect(asked).toBe(0)
  vi.advanceTimersByTime(501)
  away = true
  expect(await priceUse(QU07, NOW)).toBe(COST)
  expect(await priceUse(QU07, NOW)).toBe(COST)
  expect(asked).toBe(1)
})
