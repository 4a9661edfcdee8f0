import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { seededIds } from '../../lib/ids.ts'
import { settableClock } from '../clock.ts'
import { unavailable } from '../errors.ts'
import { apiKeyService } from './api-keys.ts'
import { authenticator } from './authenticate.ts'

const clock = settableClock('2026-01-01T00:00:00Z')
const keys = apiKeyService({ clock, ids: seededIds(1) })

let t: TestDatabase
beforeAll(async () => {
  t = await testDatabase()
})
afterAll(() => t.close())

test('the last use of a key outlives an outage of the database', async () => {
  const { control } = t.db
  let away = true
  const asOperator: typeof control.asOperator = (...call) =>
    away ? Promise.reject(unavailable('database_unavailable', 'away')) : control.asOperator(...call)
  const { authenticate, flushLastUse } = authenticator({ db: { ...t.db, control: { ...control, asOperator } }, clock })
  const key = await control.asOperator('test', (tx) => keys.createOperator(tx, 'test'))
  await authenticate({ authorization: `Bearer ${key.secret}` })
  await expect(flushLastUse()).rejects.toThrow('away')
  away = false
  await flushLastUse()
  const [kept] = await control.asOperator('test', (tx) => keys.listOperator(tx))
  expect(kept?.lastUsedAt).toEqual(clock.now())
})

test('a key and its successor both work until the overlap ends, then the successor alone', async () => {
  const tenant = await t.createTenant()
  const { authenticate, recall } = authenticator({ db: t.db, clock })
  const operator = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) } as const
  const [old, next] = await t.db.control.asOperator('test', async (tx) => {
    const made = await keys.create(tx, operator, tenant, { name: 'till', scopes: ['usage:write'] })
    return [made, await keys.rotate(tx, operator, tenant, made.id, 60)]
  })
  const sent = ({ secret }: typeof old) => ({ authorization: `bearer ${secret}` })
  const asks = (key: typeof old) => authenticate(sent(key))
  expect(recall(sent(old))).toBeUndefined()
  clock.set(clock.now().add({ seconds: 59 }))
  expect([(await asks(old)).keyId, (await asks(next)).keyId]).toEqual([old.id, next.id])
  expect([recall(sent(old))?.keyId, recall({ authorization: `Bearer ${next.secret}x` })]).toEqual([old.id, undefined])
  clock.set(clock.now().add({ seconds: 1 }))
  await expect(asks(old)).rejects.toMatchObject({ code: 'key_expired', caller: { keyId: old.id, tenantId: tenant } })
  expect(recall(sent(old))).toBeUndefined()
  expect((await asks(next)).keyId).toBe(next.id)
})

test('a key that has expired has no successor', async () => {
  const tenant = await t.createTenant()
  const operator = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) } as const
  const expiresAt = clock.now().add({ seconds: 1 })
  const made = await t.db.control.asOperator('test', (tx) =>
    keys.create(tx, operator, tenant, { name: 'short', scopes: ['usage:write'], expiresAt }),
  )
  clock.set(expiresAt)
  const rotated = t.db.control.asOperator('test', (tx) => keys.rotate(tx, operator, tenant, made.id, 60))
  await expect(rotated).rejects.toMatchObject({ code: 'api_key_not_rotatable' })
})
