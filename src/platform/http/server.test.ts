import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ask, asking, denied, done, lines, openHttp } from '../../../test/harness/http-server.ts'
import { type HttpServer, PREFIX } from './server.ts'

let server: HttpServer
beforeAll(async () => {
  server = await openHttp()
})
afterAll(() => server.stop(1_000))

const ask = (method: Parameters<ReturnType<typeof asking>>[0], path: string, options?: Ask) =>
  asking(server)(method, path, options)
const create = (body: unknown, as = 'acme') => ask('POST', '/things', { as, body })
const GOOD = { price: '1.00', count: 1 }

test('every answer carries a request id, security headers and no-store', async () => {
  for (const reply of [await ask('GET', '/things', { as: 'acme' }), await ask('GET', '/nowhere'), await ask('GET', '/things')]) {
    expect(reply.headers['x-request-id']).toMatch(/^req_/)
    expect(reply.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
  }
})

test('a well-formed x-request-id is kept, any other is replaced', async () => {
  const sent = async (id: string) =>
    (await ask('GET', '/things', { as: 'acme', headers: { 'x-request-id': id } })).headers['x-request-id']
  expect(await sent('abc-1.2_Z')).toBe('abc-1.2_Z')
  expect(await sent('a'.repeat(65))).toMatch(/^req_/)
  expect(await sent('two words')).toMatch(/^req_/)
})

test('a problem names type, title, status, detail, code and request id, and details cannot overwrite them', async () => {
  const reply = await ask('GET', '/fails/conflict', { headers: { 'x-request-id': 'r1' } })
  expect(reply.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(reply.json).toEqual({
    type: 'urn:cognitionos:problem:thing_taken',
    title: 'Conflict',
    status: 409,
    detail: 'the thing is taken; choose another',
    code: 'thing_taken',
    request_id: 'r1',
    thing: 'x',
  })
})

test('an unforeseen error tells nothing to the caller and everything to the log', async () => {
  lines.length = 0
  const reply = await ask('GET', '/fails/other')
  expect([reply.status, reply.json.code]).toEqual([500, 'internal_error'])
  expect(reply.text).not.toContain('hunter2')
  expect(lines.join('')).toContain('hunter2')
})

test.each([
  ['away', 'database_unavailable'],
  ['deadlock', 'database_busy'],
])('an outage of the database (%s) is 503 %s with Retry-After', async (id, code) => {
  const reply = await ask('GET', `/fails/${id}`)
  expect([reply.status, reply.json.code, reply.headers['retry-after']]).toEqual([503, code, '1'])
})

test('an unknown path is 404, a known one with another method 405 with Allow', async () => {
  const nowhere = await ask('GET', '/nowhere')
  expect([nowhere.status, nowhere.json.code]).toEqual([404, 'route_not_found'])
  const wrong = await ask('PUT', '/things')
  expect([wrong.status, wrong.json.code, wrong.headers.allow]).toEqual([405, 'method_not_allowed', 'GET, HEAD, POST'])
  expect((await ask('POST', '/tenants/tnt_1')).headers.allow).toBe('GET, HEAD')
})

const OPEN = '{"price": "1.00", "count": 1, "extra": '
const METADATA = '{"price": "1.00", "count": 1, "metadata": '
test.each([
  ['cut short', '{"price": ', 'malformed_json'],
  ['with __proto__', '{"__proto__": {"admin": true}, "price": "1.00", "count": 1}', 'malformed_json'],
  ['with an escaped __proto__', '{"\\u005f_proto__": {"admin": true}, "price": "1.00", "count": 1}', 'malformed_json'],
  ['with constructor.prototype', '{"constructor": {"prototype": {}}, "price": "1.00", "count": 1}', 'malformed_json'],
  ['with a number beyond a double', '{"price": "1.00", "count": 1e999}', 'validation_failed'],
  ['with such a number where anything goes', `${OPEN}1e999}`, 'validation_failed'],
  ['nested 100,000 deep where anything goes', `${OPEN}${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'validation_failed'],
  ['nested 500,000 deep', `${'['.repeat(500_000)}${']'.repeat(500_000)}`, 'validation_failed'],
  ['with a NUL', `${METADATA}{"a": "\\u0000"}}`, 'validation_failed'],
  ['with half a surrogate pair', `${METADATA}{"a": "\\ud800"}}`, 'validation_failed'],
  ['that is null', 'null', 'validation_failed'],
])('a body %s is refused', async (_what, raw, code) => {
  const reply = await ask('POST', '/things', { as: 'acme', raw })
  expect([reply.status, reply.json.code]).toEqual([code === 'malformed_json' ? 400 : 422, code])
})

test('of a field sent twice the last counts, as in every JSON parser', async () => {
  const reply = await ask('POST', '/things', { as: 'acme', raw: '{"price":"1.00","count":1,"count":2}' })
  expect(reply.json.seen.count).toBe(2)
})

test('an escaped backslash before u0000 is text like any other', async () => {
  const reply = await create({ ...GOOD, note: '\\u0000' })
  expect([reply.status, reply.json.seen.note]).toEqual([201, '\\u0000'])
})

test('a body that is too large is 413, one that is not JSON 415', async () => {
  const large = await ask('POST', '/things', { as: 'acme', raw: `"${'x'.repeat(1_048_576)}"` })
  expect([large.status, large.json.code]).toEqual([413, 'body_too_large'])
  const form = await ask('POST', '/things', {
    as: 'acme',
    raw: 'a=1',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect([form.status, form.json.code]).toEqual([415, 'content_type_unsupported'])
})

test('a malformed or endless path is 400 as a problem', async () => {
  const malformed = await ask('GET', '/tenants/%zz', { as: 'acme' })
  expect([malformed.status, malformed.json.code]).toEqual([400, 'url_malformed'])
  const endless = await ask('GET', `/tenants/${'x'.repeat(301)}`, { as: 'acme' })
  expect([endless.status, endless.json.code]).toEqual([400, 'url_too_long'])
})

test('a validation problem lists each field and what it must be', async () => {
  const reply = await create({ price: '1', count: 201, at: 'today', mode: 'never', note: 'longer than ten', unknown: 1 })
  expect(reply.status).toBe(422)
  expect(reply.json.errors).toEqual(
    expect.arrayContaining([
      { field: 'unknown', message: 'is not a known field' },
      { field: 'count', message: 'must be ≤ 200' },
      { field: 'at', message: 'must be an RFC 3339 instant, such as 2026-01-31T09:00:00Z' },
      { field: 'mode', message: 'must be one of now, later' },
      { field: 'note', message: 'must NOT have more than 10 characters' },
    ]),
  )
  expect((await create({ count: 1, price: 'free' })).json.detail).toContain('price must match')
  expect((await create({ count: 1, price: 'free' })).json.detail).toContain('such as 29.99')
})

test('a body left out is an empty one: its missing fields are named', async () => {
  const reply = await ask('POST', '/things', { as: 'acme' })
  expect(reply.json.errors).toEqual([
    { field: 'price', message: 'is missing' },
    { field: 'count', message: 'is missing' },
  ])
})

test('a body is taken as it is: nothing is converted, removed or filled in', async () => {
  expect((await create({ ...GOOD, count: '1' })).status).toBe(422)
  expect((await create(GOOD)).json.seen).toEqual(GOOD)
})

test('numbers and booleans of a query are read from text, and a repeated one is refused', async () => {
  expect((await ask('GET', '/things?limit=5&all=true', { as: 'acme' })).json.seen).toEqual({ limit: 5, all: true })
  expect((await ask('GET', '/things?limit=201', { as: 'acme' })).json.errors).toEqual([
    { field: 'limit', message: 'must be ≤ 200' },
  ])
  expect((await ask('GET', '/things?limit=5&limit=6', { as: 'acme' })).status).toBe(422)
  expect((await ask('GET', '/things?offset=6', { as: 'acme' })).status).toBe(422)
})

test('a stranger learns nothing: authentication comes before the body, its size, its type and its fields', async () => {
  for (const raw of ['{', '{"unknown": 1}', `"${'x'.repeat(2_000_000)}"`])
    expect((await ask('POST', '/things', { raw })).json.code).toBe('key_missing')
  expect((await ask('POST', '/things')).headers['www-authenticate']).toContain('Bearer')
})

test('a key without the scope gets 403 that names it, before its body is looked at', async () => {
  const reply = await create({}, 'reader')
  expect([reply.status, reply.json.code, reply.json.scope]).toEqual([403, 'scope_missing', 'tenants:write'])
})

test("an operator's route refuses tenants with 403 operator_only", async () => {
  const reply = await ask('POST', '/sweep', { as: 'acme' })
  expect([reply.status, reply.json.code]).toEqual([403, 'operator_only'])
})

test('another tenant answers as a random id does, in path and body, and headers name no tenant', async () => {
  const told = async (id: string) => {
    const inPath = await ask('GET', `/tenants/${id}`, { as: 'acme', headers: { 'x-request-id': 'same', 'x-tenant-id': id } })
    const inBody = await create({ ...GOOD, tenant_id: id })
    return [inPath.status, inPath.text.replaceAll(id, 'ID'), inBody.status, inBody.json.detail.replaceAll(id, 'ID')]
  }
  expect(await told('tnt_other')).toEqual(await told('tnt_random'))
  expect((await told('tnt_other'))[0]).toBe(404)
  const own = await ask('GET', '/tenants/tnt_acme', { as: 'acme', headers: { 'x-tenant-id': 'tnt_other' } })
  expect(own.json.tenant_id).toBe('tnt_acme')
})

test("a tenant's key means its own tenant where none is named; an operator's means none", async () => {
  expect((await create(GOOD, 'acme')).json.tenant_id).toBe('tnt_acme')
  expect((await create(GOOD, 'operator')).json.tenant_id).toBeNull()
  expect((await create({ ...GOOD, tenant_id: 'tnt_b' }, 'operator')).json.tenant_id).toBe('tnt_b')
})

test('every refusal is audited with who and why, every mutation with who and what', async () => {
  denied.length = 0
  done.length = 0
  await ask('GET', '/things')
  await create(GOOD, 'reader')
  await ask('GET', '/tenants/tnt_other', { as: 'acme' })
  await create({ nonsense: 1 })
  await create(GOOD)
  expect(denied.map(({ actorKind, actorId, operation, code }) => [actorKind, actorId, operation, code])).toEqual([
    ['anonymous', null, 'listThings', 'key_missing'],
    ['tenant', 'key_reader', 'createThing', 'scope_missing'],
    ['tenant', 'key_acme', 'readTenant', 'tenant_not_found'],
  ])
  expect(done).toHaveLength(1)
  expect(done[0]).toMatchObject({ tenantId: 'tnt_acme', operation: 'createThing', target: `${PREFIX}/things`, outcome: 'done' })
})

test('204 has neither body nor content type', async () => {
  const reply = await ask('DELETE', '/things/tnt_1', { as: 'acme' })
  expect([reply.status, reply.text, reply.headers['content-type']]).toEqual([204, '', undefined])
})

test('a reply that does not fit its published schema is a 500 that names the route in the log', async () => {
  lines.length = 0
  expect((await ask('GET', '/lies', { as: 'acme' })).status).toBe(500)
  expect(lines.join('')).toContain('the reply of lies does not fit its schema')
})

test('a page of a configured origin may send what the API takes, and reads refusals too', async () => {
  const { headers } = await ask('OPTIONS', '/things', {
    headers: {
      origin: 'https://console.example',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'authorization,idempotency-key,content-type',
    },
  })
  expect(headers['access-control-allow-methods']).toContain('PATCH')
  for (const name of ['authorization', 'idempotency-key', 'content-type'])
    expect(headers['access-control-allow-headers']).toContain(name)
  expect(headers['access-control-allow-credentials']).toBeUndefined()
  const refused = await ask('GET', '/things', { headers: { origin: 'https://console.example' } })
  expect([refused.status, refused.headers['access-control-allow-origin'], refused.headers.vary]).toEqual([
    401,
    'https://console.example',
    'Origin',
  ])
  expect((await ask('OPTIONS', '/things', {})).status).toBe(204)
})

test('a compressed body is refused in words', async () => {
  const reply = await server.app.inject({
    method: 'POST',
    url: `${PREFIX}/things`,
    headers: { authorization: 'Bearer acme', 'content-type': 'application/json', 'content-encoding': 'gzip' },
    payload: gzipSync('{}'),
  })
  expect([reply.statusCode, reply.json().detail]).toEqual([400, 'the body is not UTF-8; send it as text, not compressed'])
})

test('only the configured origins are allowed', async () => {
  const preflight = (origin: string) =>
    ask('OPTIONS', '/things', { headers: { origin, 'access-control-request-method': 'POST' } })
  expect((await preflight('https://console.example')).headers['access-control-allow-origin']).toBe('https://console.example')
  expect((await preflight('https://evil.example')).headers['access-control-allow-origin']).toBeUndefined()
})
