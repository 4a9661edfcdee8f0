import { Type } from 'typebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { type Audit, auditLog } from '../auth/audit.ts'
import type { Caller } from '../auth/caller.ts'
import { systemClock } from '../clock.ts'
import { unauthenticated } from '../errors.ts'
import { realIds } from '../system-ids.ts'
import { idempotency } from './idempotency.ts'
import { routesOf } from './route.ts'
import { Strict } from './schema.ts'
import { buildServer, type HttpServer, PREFIX } from './server.ts'

const ids = realIds()
const clock = systemClock
const route = routesOf<object>()
const rows = {
  reply: Type.Array(Type.String()),
  tag: 'Rows',
  summary: 'Rows',
  access: 'both',
  tenant: 'query.tenant_id',
} as const
const query = Strict({ tenant_id: Type.Optional(Type.String()) })

let database: TestDatabase
let server: HttpServer
let audit: Audit
let acme: string
let other: string

beforeAll(async () => {
  database = await testDatabase()
  const { db } = database
  ;[acme, other] = [await database.createTenant(), await database.createTenant()]
  audit = auditLog({ db, clock, ids, log: silent })
  const callers: Readonly<Record<string, Caller>> = {
    operator: { kind: 'operator', keyId: 'key_op', scopes: new Set(['*']) },
    acme: { kind: 'tenant', keyId: 'key_a', tenantId: acme, scopes: new Set() },
  }
  server = await buildServer({
    routes: [
      route.read({
        ...rows,
        method: 'GET',
        path: '/rows',
        id: 'listRows',
        query,
        handle: async ({ tx }) => (await tx.selectFrom('tenants').select('id').execute()).map(({ id }) => id),
      }),
      route.read({
        ...rows,
        method: 'GET',
        path: '/writes',
        id: 'writesInARead',
        query,
        handle: async ({ tx }) => {
          await tx.deleteFrom('outbox').execute()
          return []
        },
      }),
      route.write({
        ...rows,
        method: 'POST',
        path: '/rows',
        id: 'renameRows',
        query,
        handle: async ({ tx }) =>
          (await tx.updateTable('tenants').set({ name: 'renamed' }).returning('id').execute()).map(({ id }) => id),
      }),
    ],
    services: {},
    db,
    clock,
    ids,
    log: silent,
    authenticator: {
      recall: () => undefined,
      remembers: () => false,
      isWellFormed: () => false,
      async authenticate({ authorization = '' }) {
        const caller = callers[authorization]
        if (!caller) throw unauthenticated('key_missing', 'send your API key')
        return caller
      },
      flushLastUse: async () => {},
    },
    audit,
    idempotency: idempotency({ db, clock, secret: 'a secret' }),
    checkReplies: true,
    corsOrigins: [],
    maxInFlight: 100,
    observers: [],
  })
})
afterAll(async () => {
  await server.stop(1_000)
  await database.close()
})

const ask = async (as: string, method: 'GET' | 'POST', path: string) => {
  const reply = await server.app.inject({ method, url: PREFIX + path, headers: { authorization: as } })
  return { status: reply.statusCode, json: reply.json() }
}
const audited = () =>
  database.db.lookup((tx) =>
    tx.selectFrom('audit_log').select(['operation', 'tenant_id', 'actor_id', 'outcome', 'code']).orderBy('id').execute(),
  )

test("a tenant's transaction sees its own rows, an operator's those of the tenant it names, or all", async () => {
  expect((await ask('acme', 'GET', '/rows')).json).toEqual([acme])
  expect((await ask('operator', 'GET', `/rows?tenant_id=${other}`)).json).toEqual([other])
  expect((await ask('operator', 'GET', '/rows')).json).toEqual(expect.arrayContaining([acme, other]))
})

test('a read cannot write', async () => {
  expect((await ask('operator', 'GET', '/writes')).status).toBe(500)
})

test('a mutation is audited in its own commit, a refusal soon after, each with whose it was', async () => {
  expect((await ask('acme', 'POST', '/rows')).json).toEqual([acme])
  expect((await ask('operator', 'POST', `/rows?tenant_id=${other}`)).json).toEqual([other])
  const done = { operation: 'renameRows', outcome: 'done', code: null }
  expect(await audited()).toEqual([
    { ...done, tenant_id: acme, actor_id: 'key_a' },
    { ...done, tenant_id: other, actor_id: 'key_op' },
  ])
  expect((await ask('acme', 'POST', `/rows?tenant_id=${other}`)).status).toBe(404)
  await audit.flush()
  const refusal = { operation: 'renameRows', outcome: 'denied', code: 'tenant_not_found', tenant_id: acme, actor_id: 'key_a' }
  expect((await audited()).at(-1)).toEqual(refusal)
})
