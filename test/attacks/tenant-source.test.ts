import { afterAll, beforeAll, expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { requestFor, urlOf } from '../factories/requests.ts'
import { makeWorld, type World } from '../factories/world.ts'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
let other: World
beforeAll(async () => {
  t = await testApp()
  other = await makeWorld(t)
  await Promise.all([other.userId(), other.apiKeyId(), other.eventId(), other.planCode()])
  await other.paymentId()
})
afterAll(() => t.close())

const open = allRoutes.filter(({ access }) => access === 'both' || access === 'tenant').map((route) => [route.id, route] as const)

/** Everything of the other tenant that an answer could show. */
const canaries = async () => [
  other.canary,
  await other.userId(),
  await other.apiKeyId(),
  await other.subscriptionId(),
  await other.invoiceId(),
  await other.paymentId(),
]

// attacks.json BOLA-03: the tenant taken from a header, the query or the body instead of the credential.
test.each(open)('%s takes no tenant from a header, a second query or a second field', async (id, route) => {
  const asker = await makeWorld(t)
  const parts = await requestFor(id, asker)
  const url = urlOf(route.path, parts)
  const headers = {
    'x-tenant-id': other.id,
    'x-organization-id': other.id,
    'x-forwarded-tenant': other.id,
    'tenant-id': other.id,
    'x-original-url': `/api/v3/saas/tenants/${other.id}`,
    'x-http-method-override': 'GET',
  }
  const send = (path: string, body: unknown = parts.body) =>
    t.call(route.method, path, { key: asker.key, headers, ...(body === undefined ? {} : { body }) })
  // With the headers alone it is the asker's own request.
  const own = await send(url)
  expect([own.status, own.text]).toEqual([route.status ?? 200, own.text])
  for (const canary of await canaries()) expect(own.text).not.toContain(canary)
  const and = (query: string) => `${url}${url.includes('?') ? '&' : '?'}${query}`
  const attempts = [
    await send(and(`tenant_id=${other.id}`)),
    await send(and(`tenant_id=${asker.id}&tenant_id=${other.id}`)),
    await send(and(`tenant_id[]=${other.id}`)),
    ...(parts.body === undefined
      ? []
      : [
          await send(url, { ...parts.body, tenant_id: other.id }),
          await send(url, { ...parts.body, tenantId: other.id }),
          await send(url, { ...parts.body, tenant_id: [asker.id, other.id] }),
          await send(url, `${JSON.stringify({ ...parts.body, tenant_id: asker.id }).slice(0, -1)},"tenant_id":"${other.id}"}`),
        ]),
  ]
  for (const { status, text } of attempts) {
    expect(status).toBeLessThan(500)
    for (const canary of await canaries()) expect(text).not.toContain(canary)
  }
})

test('nothing of the other tenant was touched by it', async () => {
  const [users, events, keys] = await Promise.all(
    [`/tenants/${other.id}/users`, `/usage/${other.id}/events`, `/tenants/${other.id}/api-keys`].map((path) =>
      t.call('GET', path, { key: other.key }),
    ),
  )
  expect(users?.body.data).toHaveLength(2)
  expect(events?.body.data).toHaveLength(1)
  expect(keys?.body.data).toHaveLength(2)
})

test("naming another tenant is a refusal that the asker's audit log keeps", async () => {
  const asker = await makeWorld(t)
  const body = { tenant_id: other.id, type: 'API_CALL' }
  const { status } = await t.call('POST', '/usage/record', { key: asker.key, body, headers: { 'x-request-id': 'bola-03' } })
  expect(status).toBe(404)
  await t.app.audit.flush()
  const { body: log } = await t.call('GET', '/audit-log?outcome=denied', { key: asker.key })
  expect(log.data).toEqual([
    expect.objectContaining({ operation: 'recordUsage', code: 'tenant_not_found', request_id: 'bola-03' }),
  ])
  expect(JSON.stringify(log)).not.toContain(other.canary)
})
