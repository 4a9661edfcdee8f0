import { connect } from 'node:net'
import pino from 'pino'
import { Type } from 'typebox'
import { seededIds } from '../../src/lib/ids.ts'
import type { AuditEntry } from '../../src/platform/auth/audit.ts'
import type { Caller } from '../../src/platform/auth/caller.ts'
import { settableClock } from '../../src/platform/clock.ts'
import { conflict, unauthenticated, unavailable } from '../../src/platform/errors.ts'
import { idempotency } from '../../src/platform/http/idempotency.ts'
import { type Route, routesOf } from '../../src/platform/http/route.ts'
import { Amount, Id, Instant, Metadata, Nullable, PageQuery, Strict } from '../../src/platform/http/schema.ts'
import { buildServer, type HttpServer, type Observer, PREFIX, type ServerOptions } from '../../src/platform/http/server.ts'

const CALLERS: Readonly<Record<string, Caller>> = {
  operator: { kind: 'operator', keyId: 'key_op', scopes: new Set(['*']) },
  acme: { kind: 'tenant', keyId: 'key_acme', tenantId: 'tnt_acme', scopes: new Set(['tenants:read', 'tenants:write']) },
  reader: { kind: 'tenant', keyId: 'key_reader', tenantId: 'tnt_acme', scopes: new Set(['tenants:read']) },
}

interface Gates {
  wait(): Promise<void>
}
const route = routesOf<Gates>()
const Seen = Strict({ tenant_id: Nullable(Type.String()), seen: Type.Unknown() })
const TenantParams = Strict({ id: Id('tnt') })
const seen = (tenantId: string | undefined, value: unknown) => ({ tenant_id: tenantId ?? null, seen: value })
const basis = { tag: 'Things', summary: 'A thing', access: 'both', reply: Seen } as const

const routes: readonly Route<Gates>[] = [
  route.steps({
    ...basis,
    method: 'GET',
    path: '/tenants/{id}',
    id: 'readTenant',
    scope: 'tenants:read',
    tenant: 'params.id',
    params: TenantParams,
    handle: async ({ tenantId, params }) => seen(tenantId, params),
  }),
  route.steps({
    ...basis,
    method: 'POST',
    path: '/things',
    id: 'createThing',
    scope: 'tenants:write',
    tenant: 'body.tenant_id',
    status: 201,
    body: Strict({
      tenant_id: Type.Optional(Id('tnt')),
      price: Amount,
      count: Type.Integer({ minimum: 1, maximum: 200 }),
      at: Type.Optional(Instant),
      mode: Type.Optional(Type.Union([Type.Literal('now'), Type.Literal('later')])),
      note: Type.Optional(Nullable(Type.String({ maxLength: 10 }))),
      metadata: Type.Optional(Metadata),
      extra: Type.Optional(Type.Unknown()),
    }),
    handle: async ({ tenantId, body }) => seen(tenantId, body),
  }),
  route.steps({
    ...basis,
    method: 'GET',
    path: '/things',
    id: 'listThings',
    query: Strict({ ...PageQuery, all: Type.Optional(Type.Boolean()) }),
    handle: async ({ tenantId, query }) => seen(tenantId, query),
  }),
  route.steps({
    ...basis,
    method: 'POST',
    path: '/sweep',
    id: 'sweep',
    access: 'operator',
    handle: async () => seen(undefined, 1),
  }),
  route.steps({
    ...basis,
    method: 'DELETE',
    path: '/things/{id}',
    id: 'dropThing',
    params: TenantParams,
    status: 204,
    handle: async () => seen(undefined, 1),
  }),
  route.steps({
    ...basis,
    method: 'GET',
    path: '/fails/{id}',
    id: 'fails',
    access: 'public',
    params: TenantParams,
    handle: async ({ params }) => {
      if (params.id === 'conflict') throw conflict('thing_taken', 'the thing is taken; choose another', { thing: 'x', status: 1 })
      if (params.id === 'away') throw unavailable('database_unavailable', 'the database cannot be reached just now')
      if (params.id === 'deadlock') throw Object.assign(new Error('deadlock detected'), { code: '40P01' })
      throw new Error('password=hunter2')
    },
  }),
  route.steps({
    ...basis,
    method: 'GET',
    path: '/lies',
    id: 'lies',
    reply: Strict({ count: Type.Integer() }),
    handle: async () => JSON.parse('{"count":"one"}'),
  }),
  route.steps({
    ...basis,
    method: 'GET',
    path: '/slow',
    id: 'slow',
    access: 'public',
    handle: async (_context, gates) => {
      await gates.wait()
      return seen(undefined, 'done')
    },
  }),
]

const unused = (): never => {
  throw new Error('no database in this test')
}
const db = { control: { inTenant: unused, asOperator: unused } }

export const lines: string[] = []
export const denied: AuditEntry[] = []
export const done: AuditEntry[] = []
export const ended: [string, number][] = []
const observer: Observer = {
  ended: (_request, _reply, routeId, _ms, status) => {
    ended.push([routeId, status])
  },
}
/** Requests that wait in GET /slow; call one to let it go on. */
export const waiting: (() => void)[] = []
export const resumeAll = (): void => {
  for (const resume of waiting.splice(0)) resume()
}
const clock = settableClock('2026-01-01T00:00:00Z')

/** A server over a few fake routes, without a database: what concerns HTTP alone is seen on it. */
export const openHttp = (
  maxInFlight = 100,
  observers: readonly Observer[] = [observer],
  more: Partial<ServerOptions<Gates>> = {},
): Promise<HttpServer> =>
  buildServer<Gates>({
    routes,
    services: { wait: () => new Promise((resolve) => waiting.push(resolve)) },
    db,
    clock,
    ids: seededIds(1),
    log: pino({ level: 'info' }, { write: (line) => lines.push(line) }),
    authenticator: {
      recall: () => undefined,
      remembers: () => false,
      isWellFormed: () => false,
      async authenticate({ authorization = '' }) {
        const caller = CALLERS[authorization.replace('Bearer ', '')]
        if (!caller) throw unauthenticated('key_missing', 'send your API key')
        return caller
      },
      flushLastUse: async () => {},
    },
    audit: {
      record: unused,
      done: async (entry) => {
        done.push(entry)
      },
      denied: (entry) => denied.push(entry),
      flush: async () => {},
    },
    idempotency: idempotency({ db, clock, secret: 'a secret' }),
    checkReplies: true,
    corsOrigins: ['https://console.example'],
    maxInFlight,
    observers,
    ...more,
  })

export interface Ask {
  readonly as?: string
  readonly body?: unknown
  readonly raw?: string
  readonly headers?: Record<string, string>
}

export const asking =
  (server: HttpServer) =>
  async (method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS', path: string, { as, body, raw, headers = {} }: Ask = {}) => {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const reply = await server.app.inject({
      method,
      url: path.startsWith('//') ? path.slice(1) : PREFIX + path,
      headers: {
        ...(as ? { authorization: `Bearer ${as}` } : {}),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload }),
    })
    return {
      status: reply.statusCode,
      headers: reply.headers,
      text: reply.body,
      json: reply.body === '' ? undefined : reply.json(),
    }
  }
/** A raw connection. */
export const talk = (port: number) => {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.on('error', () => {})
  return { socket, closed, text: () => text, send: (path: string) => socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`) }
}
export const listen = async (http: HttpServer): Promise<number> => {
  await http.app.listen({ port: 0, host: '127.0.0.1' })
  const address = http.app.server.address()
  return typeof address === 'object' && address ? address.port : 0
}
