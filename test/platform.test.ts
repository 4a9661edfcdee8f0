import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApp, testApp } from './harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp()
})
afterAll(() => t.close())

test('a tenant records usage with its key, and a second time nothing is counted', async () => {
  const { key } = await t.tenant()
  const event = {
    id: 'call-1',
    type: 'LLM_COMPLETION',
    provider: 'openai',
    model: 'gpt-4',
    input_tokens: 1000,
    output_tokens: 100,
  }
  const first = await t.call('POST', '/usage/record', { key, body: event })
  expect([first.status, first.body]).toEqual([201, { id: 'call-1', status: 'accepted', cost: '0.036', priced: true }])
  const again = await t.call('POST', '/usage/record', { key, body: { ...event, occurred_at: '2025-01-01T00:00:00Z' } })
  expect(again.body.status).toBe('duplicate')
})

test.each(['SCHEMA', 'DATABASE'] as const)('usage of a tenant on level %s goes to its own place', async (isolation) => {
  const { key } = await t.tenant({ isolation })
  const events = Array.from({ length: 10 }, (_, i) => ({ id: `e${i}`, type: 'API_CALL' }))
  const { status, body } = await t.call('POST', '/usage/batch', { key, body: { events } })
  expect([status, body]).toEqual([200, { accepted: 10, duplicates: 0, unpriced: 0, rejected: [] }])
})

test("a revoked key is refused within a second, and the refusal is in the tenant's audit log", async () => {
  const { id, key } = await t.tenant()
  const made = await t.call('POST', `/tenants/${id}/api-keys`, { key, body: { name: 'short', scopes: ['usage:read'] } })
  const secret = String(made.body.secret)
  expect((await t.call('GET', `/tenants/${id}`, { key: secret })).body.code).toBe('scope_missing')
  expect((await t.call('DELETE', `/tenants/${id}/api-keys/${made.body.id}`, { key })).status).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect((await t.call('GET', `/tenants/${id}`, { key: secret })).body.code).toBe('key_revoked')
  await t.app.audit.flush()
  const { body } = await t.call('GET', '/audit-log?outcome=denied', { key })
  expect(JSON.stringify(body)).toContain('scope_missing')
})

test('a key that is no longer taken is refused by name: the audit log tells whose it was', async () => {
  const { id, key } = await t.tenant()
  const path = `/tenants/${id}/api-keys`
  const expires_at = t.clock.now().add({ seconds: 1 }).toString()
  const made = async (body: object) => (await t.call('POST', path, { key, body: { scopes: ['tenants:read'], ...body } })).body
  const [revoked, expired] = [await made({ name: 'revoked' }), await made({ name: 'expired', expires_at })]
  await t.call('DELETE', `${path}/${revoked.id}`, { key })
  t.clock.set(t.clock.now().add({ seconds: 2 }))
  for (const { secret } of [revoked, expired])
    expect((await t.call('GET', `/tenants/${id}`, { key: String(secret) })).status).toBe(401)
  await t.app.audit.flush()
  const { body } = await t.call('GET', '/audit-log?outcome=denied', { key })
  const refusal = { tenant_id: id, actor_kind: 'tenant', operation: 'getTenant' }
  expect(body.data).toEqual([
    expect.objectContaining({ ...refusal, actor_id: expired.id, code: 'key_expired' }),
    expect.objectContaining({ ...refusal, actor_id: revoked.id, code: 'key_revoked' }),
  ])
})

test('a suspended tenant is locked out within a second and comes back', async () => {
  const { id, key } = await t.tenant()
  await t.call('POST', `/tenants/${id}/suspend`, { key: t.operatorKey, body: { reason: 'unpaid' } })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const refused = await t.call('GET', `/tenants/${id}`, { key })
  expect([refused.status, refused.body.code]).toEqual([403, 'tenant_suspended'])
  await t.call('POST', `/tenants/${id}/activate`, { key: t.operatorKey, body: {} })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect((await t.call('GET', `/tenants/${id}`, { key })).status).toBe(200)
})

test('the metrics tell how full each kind of pool is, however many databases there are', async () => {
  const own = [await t.tenant({ isolation: 'DATABASE' }), await t.tenant({ isolation: 'DATABASE' }), await t.tenant()]
  for (const { key } of own) await t.call('POST', '/usage/record', { key, body: { type: 'API_CALL' } })
  const { text } = await t.call('GET', '//metrics')
  const value = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
  for (const pool of ['control', 'lookups', 'shared', 'database', 'cluster'])
    expect(value(`db_client_pending_requests{pool="${pool}"}`)).toBe(0)
  expect(value('db_client_connections{pool="shared",state="idle"}')).toBeGreaterThan(0)
  expect(value('db_client_connections_max{pool="shared"}')).toBe(8)
  expect(value('db_client_connections_max{pool="database"}')).toBeGreaterThanOrEqual(2)
  expect(value('db_client_connections_max{pool="cluster"}')).toBe(0)
  expect(text.match(/^db_client_connections\{/gm)).toHaveLength(10)
  expect(text).not.toContain('tnt_')
})
