import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { newKey } from '../../src/platform/auth/key-format.ts'
import { withOwner } from '../../src/platform/db/migrate.ts'
import { type Parts, requestFor, urlOf } from '../factories/requests.ts'
import { keyWithout, makeWorld, type World } from '../factories/world.ts'
import { type Answer, type TestApp, testApp } from '../harness/app.ts'

interface Audited {
  readonly operation: string
  readonly outcome: string
  readonly code: string | null
  readonly actor_kind: string
  readonly actor_id: string | null
  readonly tenant_id: string | null
}

type Route = (typeof allRoutes)[number]

let t: TestApp
/** Whose ids the refused requests name, and whose keys they carry. */
let world: World
let barred: World
const named = new Map<string, Parts>()
beforeAll(async () => {
  t = await testApp()
  world = await makeWorld(t)
  barred = await makeWorld(t)
  for (const { id } of allRoutes) named.set(id, await requestFor(id, await makeWorld(t)))
  await t.call('POST', `/tenants/${barred.id}/suspend`, { key: t.operatorKey, body: { reason: 'test' } })
  await new Promise((resolve) => setTimeout(resolve, 1_000)) // until no process takes its key any more
})
afterAll(() => t.close())

const ask = (route: Route, parts: Parts, key: string | undefined, requestId: string): Promise<Answer> =>
  t.call(route.method, urlOf(route.path, parts), {
    ...(key === undefined ? {} : { key }),
    ...(parts.body === undefined ? {} : { body: parts.body }),
    headers: { 'x-request-id': requestId },
  })

const auditOf = async (requestId: string): Promise<readonly Audited[]> => {
  await t.app.audit.flush()
  return withOwner(t.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query<Audited>(
      'select operation, outcome, code, actor_kind, actor_id, tenant_id from audit_log where request_id = $1',
      [requestId],
    )
    return rows
  })
}

const keyed = allRoutes.filter(({ access }) => access !== 'public')
const REFUSED: readonly (readonly [who: string, kind: string, expected: (route: Route) => readonly [number, string]])[] = [
  ['nobody', 'anonymous', () => [401, 'key_missing']],
  ['a key that was never made', 'anonymous', () => [401, 'key_invalid']],
  ['a key with a typing error', 'anonymous', () => [401, 'key_invalid']],
  ['a suspended tenant', 'tenant', () => [403, 'tenant_suspended']],
  [
    'a tenant whose key lacks the scope',
    'tenant',
    ({ access }) => (access === 'operator' ? [403, 'operator_only'] : [403, 'scope_missing']),
  ],
]

describe.each(REFUSED)('%s', (who, kind, expected) => {
  test.each(keyed.map((route) => [route.id, route] as const))('is refused %s, and that is audited once', async (id, route) => {
    const keys: Readonly<Record<string, () => Promise<string | undefined>>> = {
      nobody: async () => undefined,
      'a key that was never made': async () => newKey('op'),
      'a key with a typing error': async () => `${t.operatorKey.slice(0, -1)}~`,
      'a suspended tenant': async () => barred.key,
      'a tenant whose key lacks the scope': () => keyWithout(world, route.scope ?? ''),
    }
    const requestId = `${who.replaceAll(' ', '-')}.${id}`.slice(0, 64)
    const answer = await ask(route, named.get(id) ?? {}, await keys[who]?.(), requestId)
    expect([answer.status, answer.body.code]).toEqual(expected(route))
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['www-authenticate'] === undefined).toBe(answer.status !== 401)
    const [, code] = expected(route)
    const records = await auditOf(requestId)
    const concerns = kind === 'anonymous' ? null : who === 'a suspended tenant' ? barred.id : world.id
    const record = { operation: id, outcome: 'denied', code, actor_kind: kind, tenant_id: concerns }
    expect(records).toEqual([expect.objectContaining(record)])
    expect(records[0]?.actor_id === null).toBe(kind === 'anonymous')
  })
})

const ALLOWED = keyed.flatMap((route) => [
  ...(route.access === 'tenant' ? [] : [[route.id, 'the operator', route] as const]),
  ...(route.access === 'operator' ? [] : [[route.id, 'a tenant with that scope alone', route] as const]),
])

test.each(ALLOWED)('%s is done for %s; a mutation is audited exactly once', async (id, who, route) => {
  const own = await makeWorld(t)
  const parts = await requestFor(id, own)
  const key = who === 'the operator' ? t.operatorKey : await own.keyWith([route.scope ?? ''])
  const requestId = `done.${id}.${who === 'the operator' ? 'op' : 'tn'}`
  const answer = await ask(route, parts, key, requestId)
  expect([answer.status, answer.text]).toEqual([route.status ?? 200, answer.text])
  expect(answer.headers['cache-control']).toBe('no-store')
  const records = await auditOf(requestId)
  const audited = route.method !== 'GET' && route.audit !== false
  expect(records.map(({ operation, outcome, actor_kind }) => [operation, outcome, actor_kind])).toEqual(
    audited ? [[id, 'done', who === 'the operator' ? 'operator' : 'tenant']] : [],
  )
  for (const { actor_id, tenant_id } of records) {
    expect(actor_id).toMatch(/^key_/)
    if (who !== 'the operator') expect(tenant_id).toBe(own.id)
  }
})

// attacks.json BFLA-01: key creation grants more than the creator has.
test('a key gives no scope that it does not have, neither to a new key nor to a successor', async () => {
  const limited = await world.keyWith(['keys:write', 'keys:read'])
  const path = `/tenants/${world.id}/api-keys`
  for (const scopes of [['usage:write'], ['keys:write', 'invoices:write']]) {
    const { status, body } = await t.call('POST', path, { key: limited, body: { name: 'more', scopes } })
    expect([status, body.code]).toEqual([403, 'scope_not_grantable'])
  }
  for (const scopes of [['*'], ['operator:*'], ['admin'], [], ['keys:write', 'keys:write'], '*'])
    expect((await t.call('POST', path, { key: limited, body: { name: 'more', scopes } })).status).toBe(422)
  const strong = await t.call('POST', path, { key: world.key, body: { name: 'strong', scopes: ['invoices:write'] } })
  const renewed = await t.call('POST', `${path}/${strong.body.id}/rotate`, { key: limited, body: {} })
  expect([renewed.status, renewed.body.code]).toEqual([403, 'scope_not_grantable'])
  const equal = await t.call('POST', path, { key: limited, body: { name: 'equal', scopes: ['keys:read'] } })
  expect([equal.status, equal.body.scopes]).toEqual([201, ['keys:read']])
})

// attacks.json BFLA-04: a customer's key as a platform's key.
test("a tenant's key with every scope is still refused what only the operator may do", async () => {
  for (const route of keyed.filter(({ access }) => access === 'operator')) {
    const { status, body } = await ask(route, named.get(route.id) ?? {}, world.key, `bfla-04.${route.id}`)
    expect([route.id, status, body.code]).toEqual([route.id, 403, 'operator_only'])
  }
})
