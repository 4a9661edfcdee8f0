import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { isSqlState } from './transaction.ts'

let t: TestDatabase
let a: string
let b: string
beforeAll(async () => {
  t = await testDatabase()
  a = await t.createTenant()
  b = await t.createTenant()
})
afterAll(() => t.close())

test('a tenant sees its own row and no other', async () => {
  const seen = await t.db.control.inTenant(a, (tx) => tx.selectFrom('tenants').select('id').execute())
  expect(seen).toEqual([{ id: a }])
})

test('without a tenant nothing is seen, with the operator role all is', async () => {
  expect(await t.db.control.inTenant('', (tx) => tx.selectFrom('tenants').select('id').execute())).toEqual([])
  const all = await t.db.control.asOperator('test', (tx) => tx.selectFrom('tenants').select('id').execute())
  expect(all.map(({ id }) => id).sort()).toEqual([a, b].sort())
})

test('a row of another tenant cannot be written', async () => {
  const write = t.db.control.inTenant(a, (tx) =>
    tx
      .insertInto('tenant_users')
      .values({
        id: 'usr_x',
        tenant_id: b,
        email: 'x@y.z',
        name: 'x',
        role: 'admin',
        created_at: '2026-01-01T00:00:00Z',
        updated_at: '2026-01-01T00:00:00Z',
      })
      .execute(),
  )
  await expect(write).rejects.toSatisfy((error) => isSqlState(error, '42501'))
})

test('an error inside rolls everything back, also when the work swallows it', async () => {
  const swallowed = t.db.control.inTenant(a, async (tx) => {
    await tx.updateTable('tenants').set({ name: 'changed' }).execute()
    await tx
      .insertInto('api_keys')
      .values({
        id: 'key_1',
        tenant_id: b,
        name: 'x',
        prefix: 'x',
        hash: Buffer.from('x'),
        scopes: [],
        created_at: '2026-01-01T00:00:00Z',
      })
      .execute()
      .catch(() => {})
  })
  await expect(swallowed).rejects.toThrow('swallowed')
  const row = await t.db.control.inTenant(a, (tx) => tx.selectFrom('tenants').select('name').executeTakeFirstOrThrow())
  expect(row.name).toBe(a)
})
