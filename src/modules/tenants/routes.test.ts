import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { systemIds } from '../../lib/ids.ts'
import type { Caller } from '../../platform/auth/caller.ts'
import { settableClock } from '../../platform/clock.ts'
import type { ControlTx } from '../../platform/db/database.ts'
import { outboxWriter } from '../../platform/outbox/outbox.ts'
import { clusterRoutes, clusterService, provisioner, tenantRoutes, tenantService, userRoutes, userService } from './index.ts'

let t: TestDatabase
let call: (id: string, request: Request, caller?: Caller) => Promise<Record<string, unknown>>
const clock = settableClock('2026-03-01T00:00:00Z')
const operator: Caller = { kind: 'operator', keyId: 'key_1', scopes: new Set(['*']) }

interface Request {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: object
  readonly body?: object
}

beforeAll(async () => {
  t = await testDatabase()
  const { db, ownerUrl, secret } = t
  const ids = systemIds(Date.now, (n) => crypto.getRandomValues(new Uint8Array(n)))
  const deps = { db, clock, ids, outbox: outboxWriter({ clock, ids }), log: silent }
  const services = {
    tenants: tenantService({ ...deps, provisioner: provisioner({ ...deps, ownerUrl, secret }) }),
    users: userService(deps),
    clusters: clusterService({ ...deps, secret }),
  }
  const ajv = new Ajv({ strict: false })
  addFormats.default(ajv)
  const routes = [...tenantRoutes, ...userRoutes, ...clusterRoutes]
  /** As the server does: validated, in a transaction as the tenant that is named, else as the operator; the reply is checked too. */
  call = async (id, { params = {}, query = {}, body }, caller = operator) => {
    const route = routes.find((candidate) => candidate.id === id)
    if (!route) throw new Error(`no route ${id}`)
    const parts = [[route.params, params] as const, [route.query, query] as const, [route.body, body] as const]
    for (const [schema, value] of parts) if (schema && !ajv.validate(schema, value)) throw new Error(ajv.errorsText())
    const tenantId = route.tenant && params.id
    const request = { requestId: 'req', idempotencyKey: undefined, head: { getHeader: () => undefined, header: () => undefined } }
    const context = { caller, tenantId, params, query, body, now: clock.now(), ...request }
    const run = (tx?: ControlTx) => route.run({ ...context, ...(tx && { tx }) }, services)
    const reply = await (route.unit === 'steps'
      ? run()
      : tenantId === undefined
        ? db.control.asOperator('test', run)
        : db.control.inTenant(tenantId, run))
    if (!ajv.validate(route.reply, reply)) throw new Error(`${id}: ${ajv.errorsText()} in ${JSON.stringify(reply)}`)
    return JSON.parse(JSON.stringify(reply))
  }
})
afterAll(() => t.close())

const create = (extra: object = {}) =>
  call('createTenant', { body: { name: 'Acme', type: 'INDIVIDUAL', owner: { email: 'ada@example.com', name: 'Ada' }, ...extra } })

test('a tenant is created, read, changed, suspended, activated and listed; its users likewise', async () => {
  const made = await create({ slug: 'acme', trial_days: 7, metadata: { crm: '42' } })
  expect(made).toMatchObject({
    slug: 'acme',
    status: 'trial',
    trial_ends_at: '2026-03-08T00:00:00Z',
    quotas: { storage_gb: 10, api_calls_per_hour: 1_000, users: 3, compute_hours: 10 },
    owner: { email: 'ada@example.com', role: 'admin' },
  })
  const params = { id: String(made.id) }
  const { owner, ...tenant } = made
  expect(await call('getTenant', { params })).toEqual(tenant)
  const changed = await call('changeTenant', { params, body: { name: 'Acme AG', quotas: { users: 2 } } })
  expect(changed).toMatchObject({ name: 'Acme AG', quotas: { users: 2, storage_gb: 10 }, metadata: { crm: '42' } })
  expect(await call('suspendTenant', { params, body: { reason: 'late' } })).toMatchObject({
    status: 'suspended',
    status_reason: 'late',
  })
  expect(await call('activateTenant', { params, body: {} })).toMatchObject({ status: 'trial', status_reason: null })

  const user = await call('addUser', {
    params,
    body: { email: 'b@example.com', name: 'B', role: 'member', permissions: ['usage:read'] },
  })
  const one = { ...params, user_id: String(user.id) }
  expect(await call('getUser', { params: one })).toEqual(user)
  expect(await call('changeUser', { params: one, body: { role: 'readonly' } })).toMatchObject({
    role: 'readonly',
    permissions: ['usage:read'],
  })
  expect(await call('listUsers', { params, query: { role: 'admin' } })).toEqual({ data: [owner], next_cursor: null })
  expect(await call('removeUser', { params: one })).toMatchObject({ removed_at: '2026-03-01T00:00:00Z' })
})

test('the list of tenants is filtered, and % in a search is a character like any other', async () => {
  await create({ name: '100% Pure', type: 'PARTNER' })
  await create({ name: '100 Kites', type: 'ENTERPRISE', activate: false })
  const names = async (query: object) => {
    const { data } = await call('listTenants', { query })
    return Array.isArray(data) ? data.map(({ name }) => name) : []
  }
  expect(await names({ q: '100%' })).toEqual(['100% Pure'])
  expect(await names({ q: 'KITES' })).toEqual(['100 Kites'])
  expect(await names({ type: 'PARTNER', isolation: 'SHARED', status: 'active' })).toEqual(['100% Pure'])
  expect(await names({ status: 'pending_activation' })).toEqual(['100 Kites'])
  await expect(names({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'cursor_invalid' })
})

test('a tenant’s key may rename itself but not raise its quotas', async () => {
  const { id } = await create()
  const params = { id: String(id) }
  const tenant: Caller = { kind: 'tenant', keyId: 'key_2', tenantId: params.id, scopes: new Set(['tenants:write']) }
  expect(await call('changeTenant', { params, body: { name: 'Mine' } }, tenant)).toMatchObject({ name: 'Mine' })
  const raise = call('changeTenant', { params, body: { quotas: { users: 99 } } }, tenant)
  await expect(raise).rejects.toMatchObject({ kind: 'forbidden', code: 'operator_only_field' })
})

test('a cluster is registered and listed without its connection', async () => {
  const made = await call('registerCluster', { body: { name: 'eu', url: t.ownerUrl, region: 'eu-central-1' } })
  expect(Object.keys(made).sort()).toEqual(['created_at', 'database', 'host', 'id', 'name', 'port', 'region'])
  expect(await call('listClusters', {})).toEqual({ data: [made], next_cursor: null })
})

test('a tenant that does not exist is told by its id alone, whatever is asked of it', async () => {
  const params = { id: 'tnt_nobody', user_id: 'usr_nobody' }
  const told = { code: 'tenant_not_found', message: 'tenant tnt_nobody does not exist' }
  const only = { id: params.id }
  await expect(call('getTenant', { params: only })).rejects.toMatchObject(told)
  await expect(call('changeTenant', { params: only, body: { name: 'x' } })).rejects.toMatchObject(told)
  await expect(call('suspendTenant', { params: only, body: { reason: 'x' } })).rejects.toMatchObject(told)
  await expect(call('activateTenant', { params: only, body: {} })).rejects.toMatchObject(told)
  await expect(call('listUsers', { params: only })).rejects.toMatchObject(told)
  await expect(call('addUser', { params: only, body: { email: 'a@b.co', name: 'A', role: 'admin' } })).rejects.toMatchObject(told)
  await expect(call('removeUser', { params })).rejects.toMatchObject(told)
})
