import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { SCOPES } from '../../src/platform/auth/caller.ts'
import { Instant, Strict } from '../../src/platform/http/schema.ts'
import { recipes } from '../factories/requests.ts'
import { schemaFaults } from './schema-faults.ts'

const routes = allRoutes.map((route) => [route.id, route] as const)

test('every operation has one id and one address', () => {
  const ids = allRoutes.map(({ id }) => id)
  const addresses = allRoutes.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`)
  expect(ids).toEqual([...new Set(ids)])
  expect(addresses).toEqual([...new Set(addresses)])
})

test.each(routes)('%s takes nothing that it does not describe, and nothing without a bound', (_id, { params, query, body }) => {
  const parts = { params, query, body }
  const faults = Object.entries(parts).flatMap(([name, schema]) =>
    schema === undefined ? [] : schemaFaults(schema, { inbound: true }).map((fault) => `${name} ${fault}`),
  )
  expect(faults).toEqual([])
})

/** What a client stored as it liked is given back as it is. */
const OPEN_REPLIES = new Set(['listUsageEvents /data/[]/attributes/|0/*: anything is let out'])

test.each(routes)('%s answers with nothing that it does not describe', (id, { reply, status }) => {
  const faults = status === 204 ? [] : schemaFaults(reply, { inbound: false })
  expect(faults.filter((fault) => !OPEN_REPLIES.has(`${id} ${fault}`))).toEqual([])
})

test.each(routes)('%s asks for a scope, unless it is public', (_id, { access, scope }) => {
  if (access === 'public') expect(scope).toBeUndefined()
  else expect(SCOPES).toContain(scope)
})

test.each(routes)(
  '%s reads with GET and writes with the others; only what writes nothing or is its own record is not audited',
  (_id, route) => {
    expect(route.method === 'GET' ? route.unit !== 'write' : route.unit !== 'read').toBe(true)
    if (route.audit === false)
      expect([
        'recordUsage',
        'recordUsageBatch',
        'previewSubscriptionChange',
        'previewInvoice',
        'checkRateLimit',
        'checkRateLimits',
        'checkConcurrentAgents',
      ]).toContain(route.id)
  },
)

test('every operation has a request that succeeds, for the tests that go over all of them', () => {
  const known = recipes({ ownerUrl: '' })
  expect(allRoutes.map(({ id }) => id).filter((id) => !(id in known))).toEqual([])
  expect(Object.keys(known).filter((id) => !allRoutes.some((route) => route.id === id))).toEqual([])
})

test.each([
  ['an open object', Type.Object({}), '(root): unknown fields are let in'],
  ['an endless text', Strict({ a: Type.String() }), '/a: a text without maxLength'],
  ['an endless pattern', Strict({ a: Type.String({ pattern: '^a+$' }) }), '/a: a text without maxLength'],
  ['an endless list', Strict({ a: Type.Array(Instant) }), '/a: no maxItems'],
  ['an endless map', Type.Record(Type.String(), Instant), '(root): no maxProperties'],
  ['an endless number', Strict({ a: Type.Optional(Type.Integer()) }), '/a: no minimum or maximum'],
  ['anything', Strict({ a: Type.Unknown() }), '/a: anything is let in'],
])('the guard finds %s', (_name, schema, fault) => {
  expect(schemaFaults(schema, { inbound: true })).toEqual([fault])
})
