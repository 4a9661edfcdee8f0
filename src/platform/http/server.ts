import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { IdSource } from '../../lib/ids.ts'
import { AppError, invalid } from '../errors.ts'
import { type DispatchDeps, dispatcher, keepRawBody } from './dispatch.ts'
import { problemOf, retryAfterOf, tellable } from './problem.ts'
import type { Route } from './route.ts'

export const PREFIX = '/api/v3/saas'
const BODY_LIMIT = 1_048_576
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8'

/** Told of each request's end; the metrics and the tracer listen. */
export interface Observer {
  /** `routeId` is 'unmatched' where no route was found: labels never hold what a caller made up. */
  ended(request: FastifyRequest, reply: FastifyReply, routeId: string, milliseconds: number): void
}

export interface ServerOptions<S> extends DispatchDeps {
  readonly routes: readonly Route<S>[]
  readonly services: S
  readonly ids: IdSource
  readonly log: Logger
  readonly corsOrigins: readonly string[]
  readonly maxInFlight: number
  readonly observers: readonly Observer[]
}

export interface HttpServer {
  readonly app: FastifyInstance
  /** Refuses what is new, finishes what began, and closes; gives up waiting after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
  inFlight(): number
}

const send = (reply: FastifyReply, error: unknown): FastifyReply => {
  const problem = problemOf(error, reply.request.id)
  const wait = retryAfterOf(error)
  if (wait !== undefined) reply.header('retry-after', String(wait))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="cognitionos"')
  return reply.code(problem.status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(problem))
}

const isProbe = (url: string): boolean => url.startsWith('/health/')

/** The server over a table of routes. Root endpoints (health, metrics, docs) are registered on `app` by the composition root. */
export const buildServer = async <S>(options: ServerOptions<S>): Promise<HttpServer> => {
  const { routes, services, ids, log, corsOrigins, maxInFlight, observers } = options
  let inFlight = 0
  let stopping = false

  const logger: FastifyBaseLogger = log
  const app: FastifyInstance = Fastify({
    loggerInstance: logger,
    disableRequestLogging: true,
    bodyLimit: BODY_LIMIT,
    maxParamLength: 300,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    return503OnClosing: false,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : ids.next('req')
    },
  })

  const started = new WeakMap<FastifyRequest, number>()

  app.addHook('onRequest', (request, reply, next) => {
    started.set(request, performance.now())
    inFlight += 1
    reply.header('x-request-id', request.id).header('cache-control', 'no-store')
    if (stopping && !isProbe(request.url)) {
      reply.header('connection', 'close')
      next(new AppError('unavailable', 'stopping', 'this server is stopping; ask again, another one answers', { retry_after: 1 }))
    } else if (inFlight > maxInFlight && !isProbe(request.url)) {
      next(
        new AppError('unavailable', 'overloaded', 'more requests than this server can take; ask again in a second', {
          retry_after: 1,
        }),
      )
    } else next()
  })

  const ended = (request: FastifyRequest, reply: FastifyReply): void => {
    const begun = started.get(request)
    if (begun === undefined) return
    started.delete(request)
    inFlight -= 1
    const routeId = request.routeOptions.config.id ?? 'unmatched'
    const milliseconds = performance.now() - begun
    for (const observer of observers) observer.ended(request, reply, routeId, milliseconds)
  }
  app.addHook('onResponse', (request, reply, next) => {
    ended(request, reply)
    next()
  })
  app.addHook('onRequestAbort', (request, next) => {
    request.log.debug('the client went away before its answer')
    next()
  })

  app.decorateRequest('tenantId', undefined)

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, raw: Buffer, done) => {
    keepRawBody(request, raw)
    parseJson(raw).then(
      (body) => done(null, body),
      (error) => done(error),
    )
  })

  await app.register(helmet, { contentSecurityPolicy: false, crossOriginResourcePolicy: { policy: 'same-site' } })
  if (corsOrigins.length > 0)
    await app.register(cors, {
      origin: [...corsOrigins],
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-request-id', 'traceparent'],
      exposedHeaders: ['x-request-id', 'retry-after', 'idempotent-replayed'],
      maxAge: 600,
    })

  app.setErrorHandler((error, request, reply) => {
    if (!tellable(error))
      request.log.error({ err: error, request_id: request.id, route: request.routeOptions.config.id }, 'a request failed')
    return send(reply, error)
  })

  for (const route of routes)
    app.route({
      method: route.method,
      url: PREFIX + route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { id: route.id },
      ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
      handler: dispatcher(route, services, options),
    })
  app.setNotFoundHandler(notFoundHandler(routes))

  return {
    app,
    inFlight: () => inFlight,
    async stop(timeoutMs) {
      stopping = true
      const deadline = performance.now() + timeoutMs
      while (inFlight > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once the caller is known; for logs and traces. */
    tenantId: string | undefined
  }
  interface FastifyContextConfig {
    id?: string
  }
}

const DANGEROUS = /"(?:__proto__|constructor|prototype)"\s*:/

const parseJson = async (raw: Buffer): Promise<unknown> => {
  if (raw.length === 0) return undefined
  const text = raw.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('malformed_json', 'the body is not valid JSON')
  }
  if (DANGEROUS.test(text)) throw invalid('malformed_json', 'the body has a field named __proto__, constructor or prototype')
  return value
}

/** 405 with Allow where the path exists for another method, else 404. */
const notFoundHandler = <S>(routes: readonly Route<S>[]) => {
  const patterns = routes.map(({ method, path }) => ({
    method,
    pattern: new RegExp(`^${PREFIX}${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }))
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    if (allowed.length === 0)
      return send(reply, new AppError('not_found', 'route_not_found', `there is no ${path.slice(0, 200)}; see /docs`))
    const allow = [...new Set(allowed)].join(', ')
    const problem = problemOf(
      new AppError('not_found', 'method_not_allowed', `${request.method} is not for this path; it takes ${allow}`),
      request.id,
    )
    return reply
      .code(405)
      .header('allow', allow)
      .header('content-type', PROBLEM_TYPE)
      .send(JSON.stringify({ ...problem, status: 405, title: 'Method Not Allowed' }))
  }
}
