import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { type ControlTx, openDatabase } from './database.ts'
import { withOwner } from './migrate.ts'

let t: TestDatabase
let tenant: string
beforeAll(async () => {
  t = await testDatabase()
  tenant = await t.createTenant()
})
afterAll(() => t.close())

const rename = (tx: ControlTx, name: string) => tx.updateTable('tenants').set({ name }).execute()
const nameNow = async () =>
  (await t.db.control.inTenant(tenant, (tx) => tx.selectFrom('tenants').select('name').execute()))[0]?.name
const cutOff = async (tx: ControlTx): Promise<void> => {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
  await withOwner(t.ownerUrl, (owner) => owner.query('select pg_terminate_backend($1, 5000)', [rows[0]?.pid]))
}

test('a connection lost within a transaction undoes it and is told as 503; the next one works', async () => {
  const before = await nameNow()
  const lost = t.db.control.inTenant(tenant, async (tx) => {
    await rename(tx, 'lost')
    await cutOff(tx)
    await rename(tx, 'later')
  })
  await expect(lost).rejects.toMatchObject({ kind: 'unavailable', code: 'database_unavailable' })
  expect(await nameNow()).toBe(before)
})

test('a connection lost before the commit is no success', async () => {
  const before = await nameNow()
  const lost = t.db.control.inTenant(tenant, async (tx) => {
    await rename(tx, 'lost')
    await cutOff(tx)
  })
  await expect(lost).rejects.toMatchObject({ code: 'database_unavailable' })
  expect(await nameNow()).toBe(before)
})

test('a transaction that finds all connections in use waits, then is told so; it leaves nothing that would keep the next waiting', async () => {
  const db = openDatabase({
    url: t.appUrl,
    placeOf: () => async () => undefined,
    log: silent,
    controlConnections: 1,
    planeConnections: 1,
  })
  let leave = (): void => {}
  const stays = new Promise<void>((resolve) => {
    leave = resolve
  })
  const holder = db.control.inTenant(tenant, () => stays)
  const one = () => db.control.inTenant(tenant, async () => 'done')
  const use = () => db.pools().find(({ kind }) => kind === 'control')
  const crowdedOut = expect(one()).rejects.toMatchObject({ kind: 'unavailable', code: 'database_busy' })
  await expect.poll(use).toEqual({ kind: 'control', used: 1, idle: 0, max: 1, waiting: 1 })
  await crowdedOut
  leave()
  await holder
  expect(await Promise.all([one(), one(), one()])).toEqual(['done', 'done', 'done'])
  expect(use()).toEqual({ kind: 'control', used: 0, idle: 1, max: 1, waiting: 0 })
  await db.close()
})

test('PostgreSQL itself ends a statement of ours that takes too long, and a transaction that its process forgot', async () => {
  const settings = (tx: ControlTx) =>
    sql<{ statement: string; idle: string }>`select current_setting('statement_timeout') as statement,
      current_setting('idle_in_transaction_session_timeout') as idle`.execute(tx)
  expect((await t.db.control.inTenant(tenant, settings)).rows).toEqual([{ statement: '30s', idle: '10min' }])
  expect((await t.db.control.asOperator('test', settings)).rows).toEqual([{ statement: '30s', idle: '10min' }])
})
