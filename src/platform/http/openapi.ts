import type { TSchema } from 'typebox'
import type { Route } from './route.ts'
import { PREFIX } from './server.ts'

type Json = Record<string, unknown>

export interface ApiInfo {
  readonly version: string
  readonly tags: readonly { readonly name: string; readonly description: string }[]
}

/** Problems that any endpoint may answer, by status; a route's own codes are added to its responses. */
const COMMON: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'The API key is missing, unknown, expired or revoked',
  403: 'The key may not do this, or the tenant is suspended',
  404: 'There is no such thing, or it belongs to another tenant',
  409: 'The state of things does not allow it, or the Idempotency-Key is in flight',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'A field is not valid, or the Idempotency-Key was used with another request',
  429: 'A quota is used up, or a rate limit: rate_limited',
  503: 'The server is overloaded, stopping, or cannot reach its database; Retry-After says when to ask again',
}

const RETRIED = ['409', '429', '503']
const RETRY_AFTER: Json = {
  description: 'Seconds after which a try may succeed, where time alone may help',
  schema: { type: 'integer', examples: [1] },
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-10; on answers to a tenant's key also where nothing is refused. */
const LIMIT_HEADERS: Json = {
  'RateLimit-Policy': {
    description: 'The rate limits of this request: quota and window in seconds, of the key and the tenant, or of the address',
    schema: { type: 'string', examples: ['"key";q=100;w=60,"tenant";q=100;w=60'] },
  },
  RateLimit: {
    description: 'What is left under each, and the seconds until there is more',
    schema: { type: 'string', examples: ['"key";r=0;t=12,"tenant";r=0;t=12'] },
  },
}

const headersOf = (status: string): Json => ({
  ...(RETRIED.includes(status) ? { 'Retry-After': RETRY_AFTER } : {}),
  ...(status === '429' ? LIMIT_HEADERS : {}),
})

const PROBLEM: Json = {
  type: 'object',
  description: 'RFC 9457 problem details',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  properties: {
    type: { type: 'string', examples: ['urn:cognitionos:problem:invoice_not_found'] },
    title: { type: 'string', examples: ['Not Found'] },
    status: { type: 'integer', examples: [404] },
    detail: {
      type: 'string',
      description: 'What happened and what to do, for a person',
      examples: ['invoice inv_0 does not exist'],
    },
    code: { type: 'string', description: 'Stable, for programs', examples: ['invoice_not_found'] },
    request_id: {
      type: 'string',
      description: 'Quote it when you report the problem',
      examples: ['req_01kb2f0jz8e9x9d3k4q6n1m7ta'],
    },
    'violated-policies': {
      type: 'array',
      description: 'With rate_limited: which limits refused, by their names in RateLimit-Policy',
      items: { type: 'string', enum: ['address', 'key', 'tenant'] },
    },
    errors: {
      type: 'array',
      description: 'With validation_failed: the fields and what each must be',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
}

const plain = (schema: TSchema): Json => JSON.parse(JSON.stringify(schema))

const parametersOf = <S>(route: Route<S>): Json[] => {
  const list = (schema: TSchema | undefined, where: 'path' | 'query'): Json[] => {
    if (!schema) return []
    const { properties = {}, required = [] } = plain(schema)
    return Object.entries(properties as Record<string, Json>).map(([name, { description, ...rest }]) => ({
      name,
      in: where,
      required: where === 'path' || (required as string[]).includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }))
  }
  const key = route.method === 'POST' && route.access !== 'public' ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []
  return [...list(route.params, 'path'), ...list(route.query, 'query'), ...key]
}

/** A body whose fields are all optional may be left out. */
const requestBody = (schema: Json): Json => ({
  required: schema.type !== 'object' || (Array.isArray(schema.required) && schema.required.length > 0),
  content: { 'application/json': { schema } },
})

const problemResponse = (status: number): Json => ({ $ref: `#/components/responses/Problem${status}` })

const statusesOf = <S>(route: Route<S>): number[] => {
  const body = route.body ? [413, 415] : []
  const checked = route.params || route.query || route.body ? [422] : []
  const named = route.path.includes('{') || route.tenant ? [404] : []
  const conflicting = route.method === 'GET' ? [] : [409]
  const guarded = route.access === 'public' ? [] : [401, 403]
  return [...new Set([400, ...guarded, ...named, ...conflicting, ...body, ...checked, 429, 503])].sort((a, b) => a - b)
}

const operationOf = <S>(route: Route<S>): Json => {
  const errors = Object.entries(route.errors ?? {})
  const codes =
    errors.length > 0 ? `\n\nProblem codes of its own:\n${errors.map(([code, text]) => `- \`${code}\`: ${text}`).join('\n')}` : ''
  const who = {
    public: 'anyone',
    operator: 'an operator key',
    tenant: "the tenant's own key",
    both: "an operator key or the tenant's own key",
  }[route.access]
  const needs = `Needs ${who}${route.scope ? ` with the scope \`${route.scope}\`` : ''}.`
  const status = route.status ?? 200
  const headers = Object.entries(route.headers ?? {}).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ])
  const reply = {
    ...(headers.length > 0 ? { headers: Object.fromEntries(headers) } : {}),
    content: { 'application/json': { schema: plain(route.reply) } },
  }
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    description: `${route.description ? `${route.description}\n\n` : ''}${needs}${codes}`,
    ...(route.access === 'public' ? { security: [] } : {}),
    ...(route.scope ? { 'x-required-scope': route.scope } : {}),
    parameters: parametersOf(route),
    ...(route.body ? { requestBody: requestBody(plain(route.body)) } : {}),
    responses: {
      [status]: { description: 'Done', ...(status === 204 ? {} : reply) },
      ...(route.underWay ? { 202: { description: 'Under way: it goes on after this answer', ...reply } } : {}),
      ...Object.fromEntries(statusesOf(route).map((code) => [code, problemResponse(code)])),
    },
  }
}

/** Puts references in the place of named schemas, and those into `schemas`. */
const hoist = (paths: Record<string, Json>, schemas: Json): unknown =>
  JSON.parse(JSON.stringify(paths), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('x-schema' in value)) return value
    const { 'x-schema': name, ...schema } = value
    schemas[String(name)] = schema
    return { $ref: `#/components/schemas/${name}` }
  })

/** OpenAPI 3.1 of the table: what is served, what is documented and what is tested are one thing. */
export const openApi = <S>(routes: readonly Route<S>[], { version, tags }: ApiInfo): Json => {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = PREFIX + route.path
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  const schemas: Json = { Problem: PROBLEM }
  return {
    openapi: '3.1.0',
    info: {
      title: 'CognitionOS',
      version,
      description:
        'Metering, quotas, subscriptions and exact invoices for AI products. Amounts are decimal strings, instants RFC 3339 in UTC.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: 'Your operator', url: 'https://example.com' },
    },
    servers: [{ url: '/', description: 'This server' }],
    security: [{ apiKey: [] }],
    tags,
    paths: hoist(paths, schemas),
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer cog_…' } },
      parameters: {
        IdempotencyKey: {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          description: 'Makes a retry safe: for 24 hours the same key answers with the stored reply, byte for byte',
          schema: { type: 'string', minLength: 1, maxLength: 255 },
        },
      },
      responses: Object.fromEntries(
        Object.entries(COMMON).map(([status, description]) => [
          `Problem${status}`,
          {
            description,
            ...(RETRIED.includes(status) ? { headers: headersOf(status) } : {}),
            content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        ]),
      ),
      schemas,
    },
  }
}
