import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { withOwner } from './migrate.ts'
import { statementNames } from './prepared.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

test('a text gets a name when it has come three times, and the same in every process', () => {
  const [nameOf, elsewhere] = [statementNames(), statementNames()]
  const [, , third, fourth] = [1, 2, 3, 4].map(() => nameOf('select $1', 1))
  expect([nameOf('select $1', 1), fourth]).toEqual([third, third])
  for (let i = 0; i < 3; i += 1) elsewhere('select $1 + 1', 1)
  expect([1, 2, 3].map(() => elsewhere('select $1', 1))).toEqual([undefined, undefined, third])
  expect(elsewhere('select $1 + 1', 1)).not.toBe(third)
})

test('texts without parameters, with very many, and all beyond a bound stay without a name', () => {
  const nameOf = statementNames()
  const named = (text: string, parameters: number) => [1, 2, 3].map(() => nameOf(text, parameters)).at(-1)
  expect([named('select 1; select 2', 0), named('values ($1, …)', 41)]).toEqual([undefined, undefined])
  const names = new Set(Array.from({ length: 1_000 }, (_, i) => named(`select $1 + ${i}`, 1)))
  expect(names.size).toBe(251) // 250 names, and none
})

test('a table that a migration changes costs a prepared read one retry, not an outage', async () => {
  await withOwner(database.ownerUrl, (owner) => owner.query(`alter table plans add column trial_of_a_migration int`))
  const read = () =>
    database.db.lookup(async (tx) =>
      (await sql`select * from plans where code = ${'free'}`.execute(tx)).rows.map((row) => Object.keys(Object(row))),
    )
  for (let i = 0; i < 6; i += 1) expect((await read()).flat()).toContain('trial_of_a_migration')
  await withOwner(database.ownerUrl, (owner) => owner.query(`alter table plans drop column trial_of_a_migration`))
  const answers = await Promise.allSettled([read(), read()])
  for (const answer of answers)
    if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ kind: 'unavailable', code: 'database_unavailable' })
  expect(answers.map(({ status }) => status)).toContain('rejected')
  await Promise.allSettled([read(), read()])
  expect((await read()).flat()).not.toContain('trial_of_a_migration')
})

test('one prepared text sees the rows of whoever asks, on whatever connection and as whatever role', async () => {
  const [one, other] = [await database.createTenant(), await database.createTenant()]
  const read = (id: string) => (tx: Parameters<Parameters<typeof database.db.control.inTenant>[1]>[0]) =>
    tx.selectFrom('tenants').select('id').where('id', '=', id).execute()
  const { control } = database.db
  for (let i = 0; i < 30; i += 1) {
    const rows = await Promise.all([
      control.inTenant(one, read(one), { readOnly: true }),
      control.inTenant(one, read(other), { readOnly: true }),
      control.asOperator('test', read(other), { readOnly: true }),
      control.inTenant(other, read(other)),
      control.inTenant(other, read(one)),
    ])
    expect(rows.map((list) => list.length)).toEqual([1, 0, 1, 1, 0])
  }
})
