import { afterAll, beforeAll, expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { requestFor, urlOf } from '../factories/requests.ts'
import { makeWorld } from '../factories/world.ts'
import { type TestApp, testApp } from '../harness/app.ts'

let t: TestApp
beforeAll(async () => {
  t = await testApp()
})
afterAll(() => t.close())

// attacks.json MASS-03 and MONEY-03, as raw JSON: what no field of ours may take as it is.
const DEEP = `${'['.repeat(5_000)}${']'.repeat(5_000)}`
const HOSTILE: readonly string[] = [
  'null',
  '[]',
  '{}',
  '{"a":{"b":{}}}',
  'true',
  '-1',
  '-0',
  '0.1',
  '1e308',
  '1e999',
  '-1e999',
  '9007199254740993',
  '9223372036854775808',
  '"NaN"',
  '"Infinity"',
  '"-1"',
  '"-0"',
  '"1e5"',
  '"0x10"',
  '" 1"',
  '"1,000"',
  '"1_000"',
  '"१"',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  `"${'x'.repeat(3_000)}"`,
  '"\'; drop table tenants; --"',
  '"../../etc/passwd"',
  '"{{constructor}}"',
  DEEP,
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '["__proto__"]',
]
const ROOTS: readonly string[] = [
  'null',
  '[]',
  '1',
  '"x"',
  'NaN',
  '{',
  '{"a":1,}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  DEEP,
  '\u0000',
]

const fieldsOf = (schema: unknown): readonly string[] => {
  const properties: unknown =
    typeof schema === 'object' && schema !== null && 'properties' in schema ? schema.properties : undefined
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

const NEGATIVE = /"(?:monthly_price|amount_due|total|cost|unit_price|percent)":"-(?!0(?:\.0+)?")/

const bodies = allRoutes.filter(({ body }) => body !== undefined).map((route) => [route.id, route] as const)

test.each(bodies)('%s answers hostile values in words, and takes no negative money', async (id, route) => {
  const world = await makeWorld(t)
  const parts = await requestFor(id, world)
  const key = route.access === 'operator' ? t.operatorKey : world.key
  const send = (body: string) => t.call(route.method, urlOf(route.path, parts), { key, body })
  const valid: Readonly<Record<string, unknown>> = parts.body ?? {}
  const texts = fieldsOf(route.body).flatMap((field) =>
    HOSTILE.map((value) => {
      const rest = Object.entries(valid).filter(([name]) => name !== field)
      return `{${[...rest.map(([name, other]) => `${JSON.stringify(name)}:${JSON.stringify(other)}`), `"${field}":${value}`].join(',')}}`
    }),
  )
  for (const text of [...ROOTS, ...texts]) {
    const answer = await send(text)
    expect([answer.status < 500, answer.status < 500 ? '' : `${text.slice(0, 200)} → ${answer.text}`]).toEqual([true, ''])
    if (answer.status >= 400) expect(answer.body.code).toMatch(/^[a-z_]+$/)
    else expect(answer.text).not.toMatch(NEGATIVE)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  }
})

const queries = allRoutes.filter(({ query }) => query !== undefined).map((route) => [route.id, route] as const)
const HOSTILE_QUERY = [
  '',
  '%00',
  '%ff',
  '-1',
  '1e9',
  'NaN',
  '[]',
  '__proto__',
  "' or 1=1 --",
  'a'.repeat(2_000),
  '2026-02-30T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '0000-01-01T00:00:00Z',
]

test.each(queries)('%s answers hostile queries in words', async (id, route) => {
  const world = await makeWorld(t)
  const parts = await requestFor(id, world)
  const key = route.access === 'operator' ? t.operatorKey : world.key
  for (const field of [...fieldsOf(route.query), '__proto__', 'constructor'])
    for (const value of HOSTILE_QUERY) {
      const answer = await t.call('GET', `${urlOf(route.path, { ...parts, query: {} })}?${field}=${value}`, { key })
      expect([answer.status < 500, answer.status < 500 ? '' : `${field}=${value} → ${answer.text}`]).toEqual([true, ''])
    }
})

const withParams = allRoutes.filter(({ params }) => params !== undefined).map((route) => [route.id, route] as const)

test.each(withParams)('%s answers hostile paths in words', async (id, route) => {
  const world = await makeWorld(t)
  const parts = await requestFor(id, world)
  const key = route.access === 'operator' ? t.operatorKey : world.key
  for (const field of fieldsOf(route.params))
    for (const value of [
      '%00',
      'a%00b',
      '%ff',
      '%2e%2e',
      '%2F',
      "' or 1=1",
      '__proto__',
      'a'.repeat(400),
      '💥',
      'undefined',
      'null',
    ]) {
      const path = route.path
        .replace(`{${field}}`, value)
        .replaceAll(/\{(\w+)\}/g, (_, name: string) => parts.params?.[name] ?? '')
      const answer = await t.call(route.method, path, { key, ...(parts.body === undefined ? {} : { body: parts.body }) })
      expect([answer.status < 500, answer.status < 500 ? '' : `${path} → ${answer.text}`]).toEqual([true, ''])
    }
})

// A cursor is text of ours that comes back: whoever makes one up gets 400, and sees nothing that is not theirs.
test('a cursor that was made up is refused in words', async () => {
  const world = await makeWorld(t)
  const lists = [
    '/plans',
    '/subscriptions',
    '/invoices',
    '/payments',
    `/tenants/${world.id}/users`,
    `/tenants/${world.id}/api-keys`,
    `/usage/${world.id}/events`,
    '/audit-log',
    '/model-prices',
    '/rate-limits',
    '/rate-limits/violations',
  ]
  const parts = [
    ['x', 'y'],
    ['2026-01-01T00:00:00Z', 'a\0b'],
    ['+275760-09-13T00:00:00Z', ''],
    ['-271821-04-20T00:00:00Z', 'x'],
    [1, 2],
    [],
    'x',
    { at: 1 },
  ]
  const cursors = parts.flatMap((value) =>
    ['base64url', 'base64'].map((form) =>
      Buffer.from(JSON.stringify(value)).toString(form === 'base64' ? 'base64' : 'base64url'),
    ),
  )
  for (const list of lists)
    for (const cursor of [...cursors, '%00', '====', 'null'])
      for (const text of [cursor, Buffer.from(cursor).toString('base64url')]) {
        const answer = await t.call('GET', `${list}?cursor=${text.startsWith('%') ? text : encodeURIComponent(text)}`, {
          key: list.startsWith('/rate-limits') ? t.operatorKey : world.key,
        })
        expect([list, cursor, answer.status < 500]).toEqual([list, cursor, true])
      }
})
