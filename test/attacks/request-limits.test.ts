import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { newKey } from '../../src/platform/auth/key-format.ts'
import { PREFIX } from '../../src/platform/http/server.ts'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp({ limits: { addressPerMinute: 20 } })
})
afterAll(() => t.close())

const times = async <T>(count: number, work: () => Promise<T>): Promise<T[]> => {
  const results: T[] = []
  for (let i = 0; i < count; i += 1) results.push(await work())
  return results
}
const statusesOf = (answers: readonly { readonly status: number }[]): number[] => answers.map(({ status }) => status)
const from = async (remoteAddress: string, url: string, key = '') => {
  const headers = key === '' ? {} : { authorization: `Bearer ${key}` }
  const answer = await t.app.http.app.inject({ method: 'GET', url, remoteAddress, headers })
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() }
}
const subscribe = (tenantId: string, plan: string) =>
  t.call('POST', '/subscriptions', { key: t.operatorKey, body: { tenant_id: tenantId, plan } })

test('a tenant without a subscription has the calls a minute of the smallest tier; the next is 429 and names what refused', async () => {
  const [tenant, other] = [await t.tenant(), await t.tenant()]
  const read = () => t.call('GET', `/tenants/${tenant.id}`, { key: tenant.key })
  const answers = await times(10, read)
  expect(statusesOf(answers)).toEqual(Array.from({ length: 10 }, () => 200))
  expect(answers[9]?.headers).toMatchObject({ 'ratelimit-policy': '"key";q=10;w=60,"tenant";q=10;w=60' })
  expect(answers[9]?.headers.ratelimit).toMatch(/^"key";r=0;t=6\d,"tenant";r=0;t=6\d$/)

  const refusal = await read()
  expect(refusal.status).toBe(429)
  expect(refusal.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  const wait = Number(refusal.headers['retry-after'])
  const told = Number(/^"key";r=0;t=(\d+),/.exec(String(refusal.headers.ratelimit))?.[1])
  expect(wait).toBeGreaterThanOrEqual(told)
  expect(refusal.body).toMatchObject({
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    status: 429,
    code: 'rate_limited',
    'violated-policies': ['key', 'tenant'],
    retry_after: wait,
  })
  expect(refusal.body.detail).toContain(`retry in ${wait} s`)

  expect((await t.call('GET', `/tenants/${other.id}`, { key: other.key })).status).toBe(200)
  expect((await t.call('GET', `/tenants/${tenant.id}`, { key: t.operatorKey })).status).toBe(200)
})

test('a refusal comes before the scope is looked at and before the body is read, and a second key of the tenant does not help', async () => {
  const tenant = await t.tenant()
  const key = await t.call('POST', `/tenants/${tenant.id}/api-keys`, {
    key: t.operatorKey,
    body: { name: 'two', scopes: ['plans:read'] },
  })
  await times(10, () => t.call('GET', `/tenants/${tenant.id}`, { key: tenant.key }))
  const refusal = await t.call('POST', '/usage/batch', { key: String(key.body.secret), body: 'no JSON' })
  expect(refusal.body).toMatchObject({ code: 'rate_limited', 'violated-policies': ['tenant'] })
})

test('a batch is one call', async () => {
  const tenant = await t.tenant()
  const one = { type: 'api_call', quantity: '1' }
  const events = Array.from({ length: 30 }, (_, i) => ({ ...one, idempotency_key: `b${i}` }))
  const answer = await t.call('POST', '/usage/batch', { key: tenant.key, body: { events } })
  expect(answer.headers.ratelimit).toContain('"tenant";r=9;')
})

test('another plan holds within a second', async () => {
  const tenant = await t.tenant()
  const read = () => t.call('GET', `/tenants/${tenant.id}`, { key: tenant.key })
  expect(statusesOf(await times(11, read))).toContain(429)
  expect((await subscribe(tenant.id, 'starter')).status).toBe(201)
  const began = performance.now()
  while ((await read()).status === 429) {
    if (performance.now() - began > 1_000) throw new Error('the new plan does not hold after a second')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  expect((await read()).headers['ratelimit-policy']).toBe('"key";q=100;w=60,"tenant";q=100;w=60')
})

test('two hundred calls at once against ten: ten are let through', async () => {
  const tenant = await t.tenant()
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => t.call('GET', `/tenants/${tenant.id}`, { key: tenant.key })),
  )
  expect(statusesOf(answers).filter((status) => status === 200)).toHaveLength(10)
  expect(statusesOf(answers).filter((status) => status === 429)).toHaveLength(190)
})

test('an address that sends no valid key is refused before authentication, and only it; keys that are valid do not use it up', async () => {
  const tenant = await t.tenant()
  await subscribe(tenant.id, 'pro')
  const path = `${PREFIX}/tenants/${tenant.id}`
  expect(statusesOf(await times(30, () => from('192.0.2.1', path, tenant.key)))).not.toContain(429)
  expect(statusesOf(await times(20, () => from('192.0.2.1', path)))).toEqual(Array.from({ length: 20 }, () => 401))
  const refusal = await from('192.0.2.1', path, 'cog_wrong')
  expect(refusal).toMatchObject({
    status: 429,
    headers: { 'ratelimit-policy': '"address";q=20;w=60' },
    body: { code: 'rate_limited', 'violated-policies': ['address'] },
  })
  expect((await from('192.0.2.2', path)).status).toBe(401)
  expect((await from('192.0.2.2', path, tenant.key)).status).toBe(200)
  // Used a moment ago, it is known, and does not pay for what others send from its address.
  expect((await from('192.0.2.1', path, tenant.key)).status).toBe(200)
})

test('behind an address that is used up keys of ours are served, long unused or never seen here; made-up ones cost a few queries', async () => {
  const [known, other] = [await t.tenant(), await t.tenant()]
  const read = ({ id, key }: { id: string; key: string }) => from('192.0.2.4', `${PREFIX}/tenants/${id}`, key)
  expect((await read(known)).status).toBe(200)
  await times(20, () => from('192.0.2.4', `${PREFIX}/plans`))
  expect((await from('192.0.2.4', `${PREFIX}/plans`)).status).toBe(429)
  // Longer than an answer about a key holds.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect([(await read(known)).status, (await read(other)).status]).toEqual([200, 200])

  const lookups = vi.spyOn(t.app.db, 'lookup')
  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: 300 }, () => from('192.0.2.4', `${PREFIX}/plans`, newKey('tn'))))
  const seconds = (performance.now() - began) / 1_000
  expect(new Set(statusesOf(answers))).toEqual(new Set([429]))
  expect(lookups.mock.calls.length).toBeLessThanOrEqual(5 + 5 * seconds)
  lookups.mockRestore()
  expect((await read(known)).status).toBe(200)
})

test('many keys at once that nobody has cost a few queries, and one of ours among them is let in', async () => {
  const tenant = await t.tenant()
  const lookups = vi.spyOn(t.app.db, 'lookup')
  const keys = [
    ...Array.from({ length: 200 }, () => newKey('tn')),
    tenant.key,
    ...Array.from({ length: 200 }, () => newKey('op')),
  ]
  const answers = await Promise.all(
    keys.map((key, i) => from(`10.1.${i >> 8}.${i & 255}`, `${PREFIX}/tenants/${tenant.id}`, key)),
  )
  expect(statusesOf(answers).filter((status) => status !== 401)).toEqual([200])
  expect(lookups.mock.calls.length).toBeLessThanOrEqual(20)
  lookups.mockRestore()
})

test('health, metrics and the reference are never limited', async () => {
  await times(25, () => from('192.0.2.3', `${PREFIX}/plans`))
  expect((await from('192.0.2.3', `${PREFIX}/plans`)).status).toBe(429)
  for (const path of ['/health/live', '/health/ready', '/openapi.json'])
    expect(statusesOf(await times(30, () => from('192.0.2.3', path)))).not.toContain(429)
  expect((await t.call('GET', '//metrics')).status).toBe(200)
  expect((await t.call('GET', '//docs/')).status).toBe(200)
})

test('each refusal is in the metrics; the audit log has the first of a key in a minute, with whose it was', async () => {
  const tenant = await t.tenant()
  const before = await t.app.http.app.inject('/metrics')
  await times(15, () => t.call('GET', `/tenants/${tenant.id}`, { key: tenant.key }))
  const counted = ({ body }: { body: string }): number =>
    Number(/http_requests_rate_limited_total\{limit="tenant"\} (\d+)/.exec(body)?.[1] ?? 0)
  expect(counted(await t.app.http.app.inject('/metrics')) - counted(before)).toBe(5)
  await t.app.audit.flush()
  const rows = await t.app.db.control.asOperator('test', (tx) =>
    tx
      .selectFrom('audit_log')
      .select(['operation', 'outcome', 'code', 'actor_kind'])
      .where('tenant_id', '=', tenant.id)
      .where('code', '=', 'rate_limited')
      .execute(),
  )
  expect(rows).toEqual([{ operation: 'getTenant', outcome: 'denied', code: 'rate_limited', actor_kind: 'tenant' }])
})
