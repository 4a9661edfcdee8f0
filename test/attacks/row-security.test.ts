import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { placeOf } from '../../src/modules/tenants/index.ts'
import { openDatabase } from '../../src/platform/db/database.ts'
import { makeWorld, type World } from '../factories/world.ts'
import { type TestApp, testApp } from '../harness/app.ts'
import { silent } from '../harness/database.ts'

let t: TestApp
let a: World
let b: World
let client: pg.Client
beforeAll(async () => {
  t = await testApp()
  a = await makeWorld(t)
  b = await makeWorld(t)
  for (const world of [a, b]) await Promise.all([world.eventId(), world.userId()])
  client = new pg.Client({ connectionString: t.database.appUrl })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await t.close()
})

/** As the server's role, with one tenant's setting; undone at the end. */
const as = async <T>(tenantId: string, work: () => Promise<T>): Promise<T> => {
  await client.query('begin')
  try {
    await client.query(`select set_config('app.tenant_id', $1, true), set_config('search_path', 'tenant_plane, public', true)`, [
      tenantId,
    ])
    return await work()
  } finally {
    await client.query('rollback')
  }
}

// attacks.json RLS-08: a plan that was made for one is used again for another (CVE-2023-2455, CVE-2024-10976).
test('a statement prepared and planned as one tenant shows another its own rows', async () => {
  const texts = {
    plain: 'select tenant_id from usage_events',
    cte: 'with e as materialized (select tenant_id from usage_events) select tenant_id from e',
    nested: 'select tenant_id from tenant_users where tenant_id in (select tenant_id from usage_events)',
  }
  await client.query('set plan_cache_mode = force_generic_plan')
  for (const [name, text] of Object.entries(texts))
    for (const world of [a, a, a, a, a, a, a, b, a, b]) {
      const { rows } = await as(world.id, () => client.query({ name, text }))
      expect(new Set(rows.map(({ tenant_id }) => tenant_id))).toEqual(new Set([world.id]))
    }
  await client.query('reset plan_cache_mode')
})

// attacks.json RLS-11: an upsert or a merge that reaches a foreign row (CVE-2017-15099, CVE-2023-39418).
test.each([
  [
    'an upsert on its id',
    `insert into tenant_users (id, tenant_id, email, name, role, created_at, updated_at)
     values ($1, $2, 'x@example.com', 'taken', 'admin', now(), now()) on conflict (id) do update set name = 'taken'`,
  ],
  [
    'an upsert that says whose it is',
    `insert into tenant_users (id, tenant_id, email, name, role, created_at, updated_at)
     select $1, $2::text, 'x@example.com', 'taken', 'admin', now(), now() on conflict (id) do update set name = 'taken', tenant_id = $2`,
  ],
  [
    'a merge',
    `merge into tenant_users u using (select $1 as id, $2::text as tenant_id) s on u.id = s.id
     when matched then update set name = 'taken'
     when not matched then insert (id, tenant_id, email, name, role, created_at, updated_at)
       values (s.id, s.tenant_id, 'x@example.com', 'taken', 'admin', now(), now())`,
  ],
])('%s of another tenant changes nothing, and the error does not show the row', async (_name, text) => {
  const foreign = await b.userId()
  const error = await as(a.id, () => client.query(text, [foreign, a.id])).catch((failure: unknown) => failure)
  expect(error).toBeInstanceOf(pg.DatabaseError)
  expect(JSON.stringify(error)).not.toContain(b.canary)
  const { body } = await t.call('GET', `/tenants/${b.id}/users/${foreign}`, { key: b.key })
  expect(body.name).toBe(b.canary)
})

test.each([
  ['no setting', ''],
  ['a setting with a wildcard', '%'],
  ['a setting with SQL', "' or true --"],
])('%s shows nothing', async (_name, setting) => {
  for (const table of ['tenants', 'tenant_users', 'api_keys', 'invoices', 'usage_events', 'usage_hours', 'audit_log'])
    expect((await as(setting, () => client.query(`select 1 from ${table}`))).rows).toEqual([])
})

// attacks.json RLS-06: few connections, many tenants, two of the levels that share a database; and search_path with them.
test('5,000 transactions of eight tenants, 64 at a time over two connections: no row of another is ever seen', async () => {
  const worlds = await Promise.all(Array.from({ length: 8 }, (_, i) => makeWorld(t, i % 2 === 0 ? 'SHARED' : 'SCHEMA')))
  const db = openDatabase({
    url: t.database.appUrl,
    placeOf: placeOf({ appUrl: t.database.appUrl, secret: t.database.secret }),
    log: silent,
    controlConnections: 2,
    planeConnections: 2,
  })
  for (const { key, canary } of worlds)
    await t.call('POST', '/usage/record', { key, body: { id: canary, type: 'API_CALL', user_id: canary } })
  let left = 5_000
  const foreign: string[] = []
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const world = worlds[left % worlds.length]
      if (!world) return
      const seen =
        left % 3 === 0
          ? await db.control.inTenant(world.id, (tx) => tx.selectFrom('tenants').select('id as of').execute(), { readOnly: true })
          : await db.plane.inTenant(world.id, (tx) => tx.selectFrom('usage_events').select('tenant_id as of').execute())
      if (seen.length !== 1 || seen[0]?.of !== world.id) foreign.push(`${world.id}: ${JSON.stringify(seen)}`)
      // A transaction that fails half-way leaves nothing behind for the next one on its connection.
      if (left % 50 === 0) await db.plane.inTenant(world.id, () => Promise.reject(new Error('on purpose'))).catch(() => undefined)
    }
  }
  await Promise.all(Array.from({ length: 64 }, worker))
  await db.close()
  expect(foreign).toEqual([])
})

test('over HTTP, 64 at a time: each answer is its caller’s', async () => {
  const worlds = await Promise.all(Array.from({ length: 8 }, (_, i) => makeWorld(t, i % 2 === 0 ? 'SHARED' : 'SCHEMA')))
  await Promise.all(worlds.map((world) => world.eventId()))
  let left = 1_000
  const wrong: string[] = []
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const world = worlds[left % worlds.length]
      if (!world) return
      const paths = [`/tenants/${world.id}`, `/usage/${world.id}/events`, `/tenants/${world.id}/users`]
      const { status, text } = await t.call('GET', paths[left % 3] ?? '', { key: world.key })
      const others = worlds.filter((other) => other !== world && (text.includes(other.id) || text.includes(other.canary)))
      if (status !== 200 || others.length > 0) wrong.push(text)
    }
  }
  await Promise.all(Array.from({ length: 64 }, worker))
  expect(wrong).toEqual([])
})

test('negative money is no price: not of a plan, not of its parts, not agreed', async () => {
  const code = await a.planCode()
  const { body: plan } = await t.call('GET', `/plans/${code}`, { key: a.key })
  expect(plan.code).toBe(code)
  const included = { compute_hours: '1', api_calls: '1', storage_gb: '1', users: '1' }
  const terms = { monthly_price: '1.00', included, api_calls_per_minute: 1, concurrent_agents: 1 }
  const bad = [
    { monthly_price: '-1.00' },
    { monthly_price: '0.001' },
    { included: { ...included, users: '-1' } },
    { overage: { api_calls: '-0.01' } },
    { llm_pass_through: true, llm_markup_percent: '-150' },
  ]
  for (const change of bad) {
    const answer = await t.call('POST', `/plans/${code}/versions`, { key: t.operatorKey, body: { ...terms, ...change } })
    expect([JSON.stringify(change), answer.status]).toEqual([JSON.stringify(change), 422])
  }
  for (const price_override of ['-1.00', '1.001', '999999999999999']) {
    const body = { tenant_id: a.id, plan: 'pro', price_override }
    expect([price_override, (await t.call('POST', '/subscriptions', { key: t.operatorKey, body })).status]).toEqual([
      price_override,
      422,
    ])
  }
})
