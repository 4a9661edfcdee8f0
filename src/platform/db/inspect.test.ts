import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { inspectDatabase, inspectVersion } from './inspect.ts'
import { withOwner } from './migrate.ts'
import { SHARED_SCHEMA } from './place.ts'

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase()
})
afterAll(() => t.close())

const codes = async (url: string): Promise<string[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await inspectDatabase(client, ['public', SHARED_SCHEMA])).map(({ code }) => code)
  } finally {
    await client.end()
  }
}

// CVE-2025-8713 is fixed in 17.6, 16.10, 15.14: postgresql.org/support/security/CVE-2025-8713
test.each([
  [140_019, 'postgres_too_old'],
  [150_013, 'postgres_vulnerable'],
  [150_014, undefined],
  [160_009, 'postgres_vulnerable'],
  [160_010, undefined],
  [170_005, 'postgres_vulnerable'],
  [170_006, undefined],
  [180_000, undefined],
])('version %i is found %s', (version, code) => {
  expect(inspectVersion(version)?.code).toBe(code)
})

test('the server role of a migrated database has nothing to mend; its owner would bypass row security', async () => {
  expect(await codes(t.appUrl)).toEqual([])
  expect(await codes(t.ownerUrl)).toContain('role_bypasses_row_security')
})

test.each([
  ['a table without row security', 'create table planted (tenant_id text)', 'drop table planted', 'table_without_row_security'],
  [
    'row security that is not forced',
    'alter table invoices no force row level security',
    'alter table invoices force row level security',
    'table_without_row_security',
  ],
  [
    "a view with its owner's rights",
    'create view planted as select * from tenants; grant select on planted to cognitionos_app',
    'drop view planted',
    'view_bypasses_row_security',
  ],
])('%s is found', async (_, plant, mend, code) => {
  await withOwner(t.ownerUrl, (owner) => owner.query(plant))
  expect(await codes(t.appUrl)).toEqual([code])
  await withOwner(t.ownerUrl, (owner) => owner.query(mend))
  expect(await codes(t.appUrl)).toEqual([])
})
