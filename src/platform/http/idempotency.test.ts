import { Type } from 'typebox'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { silent, type TestDatabase, testDatabase } from '../../../test/harness/database.ts'
import { auditLog } from '../auth/audit.ts'
import type { Caller } from '../auth/caller.ts'
import { settableClock } from '../clock.ts'
import type { ControlTx } from '../db/database.ts'
import { unauthenticated, unprocessable } from '../errors.ts'
import { realIds } from '../system-ids.ts'
import { idempotency } from './idempotency.ts'
import { routesOf } from './route.ts'
import { Strict } from './schema.ts'
import { buildServer, type HttpServer, PREFIX } from './server.ts'

const NOON = '2026-03-01T12:00:00Z'
const clock = settableClock(NOON)
const ids = realIds()
const route = routesOf<{ pause: { until: Promise<void> | undefined; count: number } }>()
const shape = {
  method: 'POST',
  tag: 'Things',
  summary: 'A thing',
  access: 'both',
  tenant: 'body.tenant_id',
  body: Strict({ name: Type.String(), tenant_id: Type.Optional(Type.String()) }),
  reply: Strict({ id: Type.String(), name: Type.String() }),
  status: 201,
} as const

/** The effect: one row, seen in the outbox table. */
const write = async (tx: ControlTx, tenantId: string | undefined, name: string): Promise<{ id: string; name: string }> => {
  const id = ids.next('obx')
  const row = { id, tenant_id: tenantId ?? null, type: name, payload: '{}', created_at: clock.now() }
  await tx.insertInto('outbox').values(row).execute()
  if (name === 'refused') throw unprocessable('name_refused', 'choose another name')
  return { id, name }
}

let database: TestDatabase
let server: HttpServer
let keys: ReturnType<typeof idempotency>
let acme: string
let other: string
let auditFails = false
const pause: { until: Promise<void> | undefined; count: number } = { until: undefined, count: 0 }

beforeAll(async () => {
  database = await testDatabase()
  const { db } = database
  keys = idempotency({ db, clock, secret: 'a secret' })
  ;[acme, other] = [await database.createTenant(), await database.createTenant()]
  const audit = auditLog({ db, clock, ids, log: silent })
  const callers: Readonly<Record<string, Caller>> = {
    operator: { kind: 'operator', keyId: 'key_op', scopes: new Set(['*']) },
    acme: { kind: 'tenant', keyId: 'key_a', tenantId: acme, scopes: new Set(['keys:write', 'usage:read']) },
    acmeRotated: { kind: 'tenant', keyId: 'key_a2', tenantId: acme, scopes: new Set(['usage:read', 'keys:write']) },
    acmeWeaker: { kind: 'tenant', keyId: 'key_a3', tenantId: acme, scopes: new Set(['keys:write']) },
    other: { kind: 'tenant', keyId: 'key_b', tenantId: other, scopes: new Set() },
  }
  server = await buildServer({
    routes: [
      route.write({
        ...shape,
        path: '/things',
        id: 'createThing',
        handle: async ({ tx, tenantId, body }, services) => {
          services.pause.count += 1
          await services.pause.until
          return write(tx, tenantId, body.name)
        },
      }),
      route.write({
        ...shape,
        method: 'PUT',
        path: '/things',
        id: 'putThing',
        handle: ({ tx, tenantId, body }) => write(tx, tenantId, body.name),
      }),
      route.steps({
        ...shape,
        path: '/steps',
        id: 'stepThing',
        handle: async ({ tenantId, body }, services) => {
          services.pause.count += 1
          await services.pause.until
          return db.control.asOperator('test', (tx) => write(tx, tenantId, body.name))
        },
      }),
    ],
    services: { pause },
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
    audit: {
      ...audit,
      record: (tx, entry) => (auditFails ? Promise.reject(new Error('no room for the audit log')) : audit.record(tx, entry)),
    },
    idempotency: keys,
    checkReplies: true,
    corsOrigins: [],
    maxInFlight: 1_000,
    observers: [],
  })
})
afterAll(async () => {
  await server.stop(1_000)
  await database.close()
})
beforeEach(() => {
  clock.set(NOON)
  pause.until = undefined
  pause.count = 0
})

interface Ask {
  readonly as?: string
  readonly key?: string
  readonly method?: 'POST' | 'PUT'
  readonly body?: object
  readonly path?: string
}

const ask = async ({ as = 'acme', key, method = 'POST', body = { name: 'a' }, path = '/things' }: Ask) => {
  const reply = await server.app.inject({
    method,
    url: PREFIX + path,
    headers: { authorization: as, 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
    payload: JSON.stringify(body),
  })
  return {
    status: reply.statusCode,
    text: reply.body,
    type: reply.headers['content-type'],
    replayed: reply.headers['idempotent-replayed'],
    retryAfter: reply.headers['retry-after'],
    code: reply.json().code,
  }
}

const effects = (name: string): Promise<number> =>
  database.db.lookup(async (tx) => (await tx.selectFrom('outbox').select('id').where('type', '=', name).execute()).length)
const audits = (id: string): Promise<number> =>
  database.db.lookup(async (tx) => (await tx.selectFrom('audit_log').select('id').where('operation', '=', id).execute()).length)
const held = () => {
  let resume = (): void => {}
  pause.until = new Promise((resolve) => {
    resume = resolve
  })
  return () => resume()
}

test('IDEM-01, BFLA-01: a key that may do less is not told what another was answered; one that may do the same is', async () => {
  const mine = await ask({ key: 'principals', body: { name: 'principals' } })
  expect(await ask({ key: 'principals', body: { name: 'principals' }, as: 'acmeRotated' })).toMatchObject({
    text: mine.text,
    replayed: 'true',
  })
  const weaker = await ask({ key: 'principals', body: { name: 'principals' }, as: 'acmeWeaker' })
  expect(weaker).toMatchObject({ status: 201, replayed: undefined })
  expect(weaker.text).not.toBe(mine.text)
  expect(await effects('principals')).toBe(2)
})

test('a stored reply, which may hold a secret that is shown once, is sealed', async () => {
  const { text } = await ask({ key: 'sealed', body: { name: 'a very secret name' } })
  expect(text).toContain('a very secret name')
  const rows = await database.db.lookup((tx) =>
    tx.selectFrom('idempotency_keys').select('reply').where('key', '=', 'sealed').execute(),
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]?.reply?.toString('latin1')).not.toContain('secret')
  expect(await ask({ key: 'sealed', body: { name: 'a very secret name' } })).toMatchObject({ text, replayed: 'true' })
})

test.each(['/things', '/steps'])(
  '100 concurrent copies of POST %s have one effect; each answer is the stored reply or 409',
  async (path) => {
    const name = `copies of ${path}`
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask({ key: 'copies', body: { name }, path })))
    expect(await effects(name)).toBe(1)
    const done = answers.filter(({ status }) => status === 201)
    expect(new Set(done.map(({ text }) => text)).size).toBe(1)
    expect(done.filter(({ replayed }) => replayed === undefined)).toHaveLength(1)
    const rest = answers.filter(({ status }) => status !== 201)
    expect(
      rest.filter(({ status, code, retryAfter }) => status !== 409 || code !== 'idempotency_key_in_flight' || retryAfter !== '1'),
    ).toEqual([])
    expect(await ask({ key: 'copies', body: { name }, path })).toMatchObject({
      status: 201,
      text: done[0]?.text,
      replayed: 'true',
    })
    expect(pause.count).toBe(1)
  },
)

test('a reply is replayed byte for byte, with its status and content type, and audited once', async () => {
  const before = await audits('createThing')
  const first = await ask({ key: 'replay' })
  const second = await ask({ key: 'replay' })
  expect(second).toEqual({ ...first, replayed: 'true' })
  expect(first.replayed).toBeUndefined()
  expect(await audits('createThing')).toBe(before + 1)
})

test('a key used with another body or query is 422, whatever has become of the first', async () => {
  await ask({ key: 'reuse' })
  expect(await ask({ key: 'reuse', body: { name: 'b' } })).toMatchObject({ status: 422, code: 'idempotency_key_reused' })
  expect(await ask({ key: 'reuse', path: '/things?x=1' })).toMatchObject({ status: 422, code: 'idempotency_key_reused' })
})

test("a key is the caller's own, on one path: elsewhere the same one is new", async () => {
  const [mine, theirs, operators, elsewhere] = [
    await ask({ key: 'own' }),
    await ask({ key: 'own', as: 'other' }),
    await ask({ key: 'own', as: 'operator' }),
    await ask({ key: 'own', path: '/steps' }),
  ]
  expect(new Set([mine, theirs, operators, elsewhere].map(({ text }) => text)).size).toBe(4)
})

test("an operator's key holds in the transaction of the tenant it names", async () => {
  const body = { name: 'named', tenant_id: acme }
  const first = await ask({ as: 'operator', key: 'named', body })
  expect(first.status).toBe(201)
  expect(await ask({ as: 'operator', key: 'named', body })).toEqual({ ...first, replayed: 'true' })
  expect(await effects('named')).toBe(1)
})

test.each(['/things', '/steps'])('a request to %s that fails leaves no effect of its own and its key free', async (path) => {
  const asked = { key: 'fails', body: { name: 'refused' }, path }
  expect(await ask(asked)).toMatchObject({ status: 422, code: 'name_refused' })
  expect(await ask(asked)).toMatchObject({ status: 422, code: 'name_refused', replayed: undefined })
  expect(await effects('refused')).toBe(0)
  expect(await ask({ key: 'fails', body: { name: 'better' }, path })).toMatchObject({ status: 201, replayed: undefined })
})

test('effect, audit record and stored reply are one commit: without the audit record there is none of them', async () => {
  auditFails = true
  expect(await ask({ key: 'one commit', body: { name: 'one commit' } })).toMatchObject({ status: 400 })
  expect(await ask({ key: 'one-commit', body: { name: 'one commit' } })).toMatchObject({ status: 500 })
  auditFails = false
  expect(await effects('one commit')).toBe(0)
  expect(await ask({ key: 'one-commit', body: { name: 'one commit' } })).toMatchObject({ status: 201, replayed: undefined })
})

test('a claim whose holder died is refused until its lease ends, then taken over', async () => {
  const resume = held()
  const lost = ask({ key: 'lease', body: { name: 'lease' } })
  await expect.poll(() => pause.count).toBe(1)
  clock.set('2026-03-01T12:00:59Z')
  expect(await ask({ key: 'lease', body: { name: 'lease' } })).toMatchObject({ status: 409, code: 'idempotency_key_in_flight' })
  clock.set('2026-03-01T12:01:00Z')
  pause.until = undefined
  const taken = await ask({ key: 'lease', body: { name: 'lease' } })
  expect(taken).toMatchObject({ status: 201, replayed: undefined })
  resume()
  // The first holder was alive after all: it is fenced out and its effect undone.
  expect(await lost).toMatchObject({ status: 409, code: 'idempotency_key_lost' })
  expect(await effects('lease')).toBe(1)
  expect(await ask({ key: 'lease', body: { name: 'lease' } })).toEqual({ ...taken, replayed: 'true' })
})

test('a reply is kept for 24 hours; then its key is new, and the sweep forgets it', async () => {
  const first = await ask({ key: 'old' })
  clock.set('2026-03-02T11:59:59Z')
  expect((await ask({ key: 'old' })).text).toBe(first.text)
  clock.set('2026-03-02T12:00:00Z')
  expect((await ask({ key: 'old', body: { name: 'new' } })).replayed).toBeUndefined()
  clock.set('2026-03-03T12:00:01Z')
  expect(await keys.sweep()).toBeGreaterThan(0)
  const left = await database.db.lookup((tx) => tx.selectFrom('idempotency_keys').select('key').execute())
  expect(left).toEqual([])
})

test.each(['', ' ', 'two words', 'é', 'x'.repeat(256)])('the key %j is refused', async (key) => {
  expect(await ask({ key })).toMatchObject({ status: 400, code: 'idempotency_key_invalid' })
})

test('other methods are idempotent by themselves and ignore the header', async () => {
  expect((await ask({ method: 'PUT', key: 'put', body: { name: 'put' } })).replayed).toBeUndefined()
  expect((await ask({ method: 'PUT', key: 'put', body: { name: 'put' } })).replayed).toBeUndefined()
  expect(await effects('put')).toBe(2)
})
