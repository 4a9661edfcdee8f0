import { afterAll, beforeAll, expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { withOwner } from '../../src/platform/db/migrate.ts'
import { type Parts, requestFor, urlOf } from '../factories/requests.ts'
import { makeWorld } from '../factories/world.ts'
import { type Answer, type TestApp, testApp } from '../harness/app.ts'

const COPIES = 100

type Route = (typeof allRoutes)[number]
type Who = 'operator' | 'tenant'

let t: TestApp
beforeAll(async () => {
  t = await testApp()
})
afterAll(() => t.close())

/** How many rows each table has. */
const census = (): Promise<ReadonlyMap<string, number>> =>
  withOwner(t.database.ownerUrl, async (owner) => {
    const { rows: tables } = await owner.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'tenant_plane') order by 1`,
    )
    const counts = tables.map(({ name }) => `select '${name}' as name, count(*)::int as rows from ${name}`)
    const { rows } = await owner.query<{ name: string; rows: number }>(counts.join(' union all '))
    return new Map(rows.map((row) => [row.name, row.rows]))
  })

/** By how many rows each table grows by the work, its news delivered. */
const growth = async (work: () => Promise<unknown>): Promise<Readonly<Record<string, number>>> => {
  const before = await census()
  await work()
  await t.settle()
  const after = await census()
  return Object.fromEntries([...after].map(([name, rows]) => [name, rows - (before.get(name) ?? 0)]).filter(([, by]) => by !== 0))
}

const posts = allRoutes
  .filter(({ method, access }) => method === 'POST' && access !== 'public')
  .flatMap((route) => [
    ...(route.access === 'tenant' ? [] : [[route.id, 'operator', route] as const]),
    ...(route.access === 'operator' ? [] : [[route.id, 'tenant', route] as const]),
  ])

/** A world that is ready for the request, and how to send it there. News of what made it ready is delivered before. */
const ready = async (route: Route, who: Who) => {
  const world = await makeWorld(t)
  const parts = await requestFor(route.id, world)
  await t.settle()
  const key = who === 'operator' ? t.operatorKey : world.key
  const send = (idempotencyKey: string, body: unknown = parts.body): Promise<Answer> =>
    t.call(route.method, urlOf(route.path, parts), {
      key,
      ...(body === undefined ? {} : { body }),
      headers: { 'idempotency-key': idempotencyKey },
    })
  return { parts, send }
}

/** The same meaning in other bytes, or bytes where there were none: another request. */
const other = ({ body }: Parts): string => (body === undefined ? '{"other":true}' : `${JSON.stringify(body)} `)

test.each(posts)('a hundred copies of %s by %s with one key have the effect of one', async (id, who, route) => {
  const [single, many] = [await ready(route, who), await ready(route, who)]
  const key = `${id}-${who}`
  const status = route.status ?? 200
  const one = await growth(async () => expect((await single.send(`${key}-1`)).status).toBe(status))
  expect(one['public.idempotency_keys']).toBe(1)

  let answers: readonly Answer[] = []
  const all = await growth(async () => {
    answers = await Promise.all(Array.from({ length: COPIES }, () => many.send(`${key}-2`)))
  })
  expect(all).toEqual(one)
  const done = answers.filter((answer) => answer.status === status)
  const waiting = answers.filter((answer) => answer.status === 409 && answer.body.code === 'idempotency_key_in_flight')
  expect(done.length + waiting.length).toBe(COPIES)
  expect(new Set(done.map(({ text }) => text)).size).toBe(1)
  for (const { headers } of waiting) expect(headers['retry-after']).toBe('1')

  const again = await growth(async () => {
    const replayed = await many.send(`${key}-2`)
    expect([replayed.status, replayed.text]).toEqual([status, done[0]?.text])
    expect(replayed.headers['idempotent-replayed']).toBe('true')
    const changed = await many.send(`${key}-2`, other(many.parts))
    expect([changed.status, changed.body.code]).toEqual([422, 'idempotency_key_reused'])
  })
  expect(again).toEqual({})
})

// attacks.json IDEM-01: the same key in two tenants, by two kinds of callers and on two paths.
test('the same key of another caller, or on another path, is another key', async () => {
  const [a, b] = [await makeWorld(t), await makeWorld(t)]
  const headers = { 'idempotency-key': '1' }
  const body = { type: 'API_CALL' }
  const record = (key: string, of: object = {}) => t.call('POST', '/usage/record', { key, body: { ...body, ...of }, headers })
  const answers = [
    await record(a.key),
    await record(b.key),
    await record(t.operatorKey, { tenant_id: a.id }),
    await t.call('POST', '/usage/batch', { key: a.key, body: { events: [body] }, headers }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 200])
  expect(answers.map(({ headers: { 'idempotent-replayed': replayed } }) => replayed)).toEqual(answers.map(() => undefined))
  const counted = await t.call('GET', `/usage/${a.id}/events`, { key: a.key })
  expect(counted.body.data).toHaveLength(3)
})
