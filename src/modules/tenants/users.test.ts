import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { systemIds } from '../../lib/ids.ts'
import { settableClock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { withOwner } from '../../platform/db/migrate.ts'
import { outboxWriter } from '../../platform/outbox/outbox.ts'
import { peakMembers, tenantService, type UserRole, userService } from './index.ts'
import { provisioner } from './provisioner.ts'

let t: TestDatabase
let a: string
let b: string
const clock = settableClock('2026-03-01T00:00:00Z')
const ids = systemIds(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
const outbox = outboxWriter({ clock, ids })
const users = userService({ clock, ids, outbox })

beforeAll(async () => {
  t = await testDatabase()
})
afterAll(() => t.close())

const as = <T>(tenant: string, work: (tx: ControlTx) => Promise<T>): Promise<T> => t.db.control.inTenant(tenant, work)
const add = (tenant: string, email: string, role: UserRole = 'member') =>
  as(tenant, (tx) => users.add(tx, tenant, { email, name: email, role }))

beforeAll(async () => {
  a = await t.createTenant()
  b = await t.createTenant()
})

test('two tenants in one shared schema cannot see or change each other’s users, even by id', async () => {
  const mine = await add(a, 'ada@example.com', 'admin')
  const theirs = await add(b, 'ada@example.com', 'admin')
  const refused = `user ${theirs.id} does not exist`
  await expect(as(a, (tx) => users.get(tx, a, theirs.id))).rejects.toThrow(refused)
  await expect(as(a, (tx) => users.get(tx, b, theirs.id))).rejects.toThrow(refused)
  await expect(as(a, (tx) => users.change(tx, a, theirs.id, { role: 'readonly' }))).rejects.toThrow(refused)
  await expect(as(a, (tx) => users.remove(tx, a, theirs.id))).rejects.toThrow(refused)
  await expect(as(a, (tx) => users.list(tx, b, {}, {}))).rejects.toThrow(`tenant ${b} does not exist`)
  expect((await as(a, (tx) => users.list(tx, a, {}, {}))).data).toEqual([mine])
})

test('an email is used once in a tenant, in any case, and is free again once its user was removed', async () => {
  const user = await add(a, 'Grace@example.com')
  await expect(add(a, 'grace@example.com')).rejects.toMatchObject({ code: 'user_email_taken' })
  await as(a, (tx) => users.remove(tx, a, user.id))
  expect((await add(a, 'grace@example.com')).id).not.toBe(user.id)
  await expect(as(a, (tx) => users.remove(tx, a, user.id))).rejects.toMatchObject({ code: 'user_not_found' })
})

test('the last admin can neither leave nor step down, also when fifty admins do so at once', async () => {
  const tenant = await t.createTenant()
  await withOwner(t.ownerUrl, (owner) => owner.query('update tenants set quota_users = 100 where id = $1', [tenant]))
  const admins = []
  for (let i = 0; i < 50; i += 1) admins.push(await add(tenant, `admin${i}@example.com`, 'admin'))
  const results = await Promise.allSettled(
    admins.map(({ id }, i) =>
      as(tenant, async (tx) => {
        await (i % 2 === 0 ? users.change(tx, tenant, id, { role: 'member' }) : users.remove(tx, tenant, id))
      }),
    ),
  )
  const refusals = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason.code)
  expect(refusals).toEqual(['last_admin'])
  expect((await as(tenant, (tx) => users.list(tx, tenant, { role: 'admin' }, {}))).data).toHaveLength(1)
})

test('no more users than the quota, also when thirty are added at once', async () => {
  const tenant = await t.createTenant() // SMALL_BUSINESS: 25
  const results = await Promise.allSettled(Array.from({ length: 30 }, (_, i) => add(tenant, `u${i}@example.com`)))
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(25)
  const refusals = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason.code)
  expect(new Set(refusals)).toEqual(new Set(['user_quota_exceeded']))
})

test('pages of users reach every user once', async () => {
  const tenant = await t.createTenant()
  for (let i = 0; i < 7; i += 1) await add(tenant, `u${i}@example.com`)
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await as(tenant, (tx) => users.list(tx, tenant, {}, cursor === undefined ? { limit: 3 } : { limit: 3, cursor }))
    seen.push(...page.data.map(({ email }) => email))
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map((i) => `u${i}@example.com`))
})

test('the peak of a period counts who was a member at once, removed or not, of this tenant alone', async () => {
  const tenant = await t.createTenant()
  await add(tenant, 'one@example.com', 'admin')
  clock.set('2026-03-10T00:00:00Z')
  const two = await add(tenant, 'two@example.com')
  await add(tenant, 'three@example.com')
  clock.set('2026-03-20T00:00:00Z')
  await as(tenant, (tx) => users.remove(tx, tenant, two.id))
  const peak = (start: string, end: string) =>
    t.db.control.asOperator('test', (tx) =>
      peakMembers(tx, tenant, {
        start: Temporal.Instant.from(`${start}T00:00:00Z`),
        end: Temporal.Instant.from(`${end}T00:00:00Z`),
      }),
    )
  expect(await peak('2026-03-01', '2026-03-10')).toBe(1)
  expect(await peak('2026-03-01', '2026-04-01')).toBe(3)
  expect(await peak('2026-04-01', '2026-05-01')).toBe(2)
})

test('suspension keeps what the tenant was, activation gives it back; a tenant cannot raise its quotas', async () => {
  const { db, ownerUrl, secret } = t
  const tenants = tenantService({
    db,
    clock,
    ids,
    outbox,
    log: silent,
    provisioner: provisioner({ db, clock, log: silent, ownerUrl, secret }),
  })
  const tenant = await t.createTenant()
  const suspended = await as(tenant, (tx) => tenants.suspend(tx, tenant, 'late'))
  expect([suspended.status, suspended.statusReason, suspended.statusBeforeSuspension]).toEqual(['suspended', 'late', 'active'])
  await expect(as(tenant, (tx) => tenants.suspend(tx, tenant, 'again'))).rejects.toMatchObject({ code: 'tenant_status_conflict' })
  expect((await as(tenant, (tx) => tenants.activate(tx, tenant))).status).toBe('active')
  await expect(as(tenant, (tx) => tenants.change(tx, tenant, { quotas: { users: 9 } }, 'tenant'))).rejects.toMatchObject({
    kind: 'forbidden',
    code: 'operator_only_field',
  })
  const changed = await as(tenant, (tx) => tenants.change(tx, tenant, { quotas: { users: 9 }, metadata: { a: 'b' } }, 'operator'))
  expect([changed.quotas, changed.metadata]).toEqual([
    { storageGb: 100, apiCallsPerHour: 10_000, users: 9, computeHours: 100 },
    { a: 'b' },
  ])
  await expect(as(tenant, (tx) => tenants.get(tx, a))).rejects.toThrow(`tenant ${a} does not exist`)
})
