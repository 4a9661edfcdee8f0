import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { openApi } from './openapi.ts'
import { routesOf } from './route.ts'
import { Named, PageOf, PageQuery, Strict } from './schema.ts'

const route = routesOf<object>()
const Thing = Strict({ name: Type.String({ examples: ['x'] }) })
const handle = async () => ({ name: 'x' })
const basis = { tag: 'Things', summary: 'A thing', access: 'both', scope: 'plans:read', reply: Thing } as const
const routes = [
  route.steps({ ...basis, method: 'POST', path: '/things', id: 'createThing', body: Thing, status: 201, handle }),
  route.steps({
    ...basis,
    method: 'GET',
    path: '/things',
    id: 'listThings',
    query: Strict(PageQuery),
    reply: PageOf(Thing),
    handle: async () => ({ data: [], next_cursor: null }),
  }),
  route.steps({
    ...basis,
    method: 'POST',
    path: '/things/{id}/close',
    id: 'closeThing',
    access: 'operator',
    params: Strict({ id: Type.String() }),
    body: Strict({ reason: Type.Optional(Type.String()) }),
    errors: { thing_closed: 'It is closed already' },
    handle,
  }),
  route.steps({ ...basis, method: 'POST', path: '/hooks', id: 'takeHook', access: 'public', status: 204, handle }),
]
const document = openApi(routes, { version: '1', tags: [{ name: 'Things', description: 'Things' }] })
const operation = (path: string, method: string): unknown =>
  [document.paths].map((paths) => JSON.parse(JSON.stringify(paths))[`/api/v3/saas${path}`][method])[0]

test('an operation says who may call it, with which scope, and what it takes', () => {
  expect(operation('/things', 'post')).toMatchObject({
    operationId: 'createThing',
    tags: ['Things'],
    'x-required-scope': 'plans:read',
    description: "Needs an operator key or the tenant's own key with the scope `plans:read`.",
    requestBody: { required: true, content: { 'application/json': { schema: { properties: { name: { examples: ['x'] } } } } } },
    parameters: [{ $ref: '#/components/parameters/IdempotencyKey' }],
    responses: { 201: { description: 'Done' }, 401: {}, 403: {}, 409: {}, 413: {}, 415: {}, 422: {}, 429: {}, 503: {} },
  })
})

test('a list pages by query, and takes no Idempotency-Key', () => {
  expect(operation('/things', 'get')).toMatchObject({
    parameters: [
      { name: 'limit', in: 'query', required: false, schema: { type: 'integer', maximum: 200 } },
      { name: 'cursor', in: 'query', required: false },
    ],
  })
})

test('problem codes of its own are told, and a body of optional fields may be left out', () => {
  expect(operation('/things/{id}/close', 'post')).toMatchObject({
    description: expect.stringContaining('`thing_closed`: It is closed already'),
    requestBody: { required: false },
    parameters: [{ name: 'id', in: 'path', required: true }, {}],
    responses: { 404: {} },
  })
})

test('a public endpoint needs no key, and 204 has no body', () => {
  expect(operation('/hooks', 'post')).toMatchObject({ security: [], parameters: [], responses: { 204: { description: 'Done' } } })
})

test('a named schema is written down once and referred to, also inside of another', () => {
  const Inner = Named('Inner', Thing)
  const Outer = Named('Outer', Strict({ inner: Inner }))
  const paths = ['/a', '/b'].map((path) =>
    route.steps({ ...basis, method: 'POST', path, id: path.slice(1), body: Outer, reply: Inner, handle }),
  )
  const named = openApi(paths, { version: '1', tags: [] })
  expect(named).toMatchObject({
    paths: {
      '/api/v3/saas/a': {
        post: { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Outer' } } } } },
      },
      '/api/v3/saas/b': {
        post: { responses: { 200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Inner' } } } } } },
      },
    },
    components: {
      schemas: { Outer: { properties: { inner: { $ref: '#/components/schemas/Inner' } } }, Inner: { type: 'object' } },
    },
  })
  expect(JSON.stringify(named)).not.toContain('x-schema')
})
