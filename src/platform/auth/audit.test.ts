import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { systemClock } from '../clock.ts'
import { unavailable } from '../errors.ts'
import { realIds } from '../system-ids.ts'
import { type AuditEntry, auditLog } from './audit.ts'
import { newKey } from './key-format.ts'

let t: TestDatabase
let away = false
beforeAll(async () => {
  t = await testDatabase()
})
afterAll(() => t.close())

const open = (monotonicMs?: () => number) => {
  const { control } = t.db
  const asOperator: typeof control.asOperator = (...call) =>
    away ? Promise.reject(unavailable('database_unavailable', 'away')) : control.asOperator(...call)
  return auditLog({
    db: { ...t.db, control: { ...control, asOperator } },
    clock: systemClock,
    ids: realIds(),
    log: silent,
    ...(monotonicMs && { monotonicMs }),
  })
}
const refusal = (of: Partial<AuditEntry>): AuditEntry => ({
  tenantId: null,
  actorKind: 'anonymous',
  actorId: null,
  operation: 'test',
  target: '/things',
  outcome: 'denied',
  code: 'key_invalid',
  requestId: 'r1',
  ip: '127.0.0.1',
  ...of,
})
const written = (operation: string) =>
  t.db.lookup((tx) =>
    tx.selectFrom('audit_log').select(['target', 'request_id', 'ip']).where('operation', '=', operation).orderBy('id').execute(),
  )

test('refusals outlive an outage of the database, each written once', async () => {
  const audit = open()
  away = true
  for (const target of ['/1', '/2']) audit.denied(refusal({ operation: 'outage', target }))
  await expect(audit.flush()).rejects.toThrow('away')
  audit.denied(refusal({ operation: 'outage', target: '/3' }))
  await expect(audit.flush()).rejects.toThrow('away')
  away = false
  await Promise.all([audit.flush(), audit.flush()])
  expect((await written('outage')).map(({ target }) => target)).toEqual(['/1', '/2', '/3'])
})

test('ten thousand refusals are kept through an outage, whatever comes while they are tried again, and those that fit after it', async () => {
  const audit = open()
  away = true
  for (let tries = 0; tries < 3; tries += 1) {
    const flushing = audit.flush()
    for (let n = 0; n < 6_000; n += 1) audit.denied(refusal({ operation: 'bounded', detail: { unwritten: 0 } }))
    await flushing.catch(() => {})
  }
  away = false
  await audit.flush()
  expect(await written('bounded')).toHaveLength(10_000)
  audit.denied(refusal({ operation: 'bounded' }))
  await audit.flush()
  expect(await written('bounded')).toHaveLength(10_001)
})

test('2,500 refusals at once, of a few keys, are all written', async () => {
  const audit = open()
  for (let n = 0; n < 2_500; n += 1) audit.denied(refusal({ operation: 'many', actorKind: 'tenant', actorId: `key_${n % 5}` }))
  await audit.flush()
  expect(await written('many')).toHaveLength(2_500)
})

test("of strangers' refusals a thousand at once are written and ten a second, with how many are left out", async () => {
  let at = 0
  const audit = open(() => at)
  const refuse = (times: number): void => {
    for (let n = 0; n < times; n += 1) audit.denied(refusal({ operation: 'attack', ip: `10.0.${n >> 8}.${n & 255}` }))
  }
  refuse(5_000)
  at += 500
  refuse(100)
  // Of a sample already: how many it stands for is its own count.
  audit.denied(refusal({ operation: 'attack', code: 'rate_limited', detail: { unwritten: 7 } }))
  await audit.flush()
  const rows = await t.db.lookup((tx) =>
    tx.selectFrom('audit_log').select(['detail']).where('operation', '=', 'attack').orderBy('id').execute(),
  )
  expect(rows).toHaveLength(1_000 + 5 + 1)
  expect(rows.map(({ detail }) => detail).filter((detail) => JSON.stringify(detail) !== '{}')).toEqual([
    { unwritten: 4_000 },
    { unwritten: 7 },
  ])
})

test('an address with the name of a network card, or none at all, keeps nobody else from being audited', async () => {
  const audit = open()
  for (const ip of ['fe80::1%eth0', '::ffff:10.0.0.1', 'nonsense', null]) audit.denied(refusal({ operation: 'addresses', ip }))
  await audit.flush()
  expect((await written('addresses')).map(({ ip }) => ip)).toEqual(['fe80::1', '::ffff:10.0.0.1', null, null])
})

test('a key that was put into a path or a request id is not kept', async () => {
  const audit = open()
  const key = newKey('tn')
  audit.denied(refusal({ operation: 'keys', target: `/api-keys/${key}`, requestId: key }))
  await audit.flush()
  expect(await written('keys')).toEqual([{ target: '/api-keys/[key]', request_id: '[key]', ip: '127.0.0.1' }])
})
