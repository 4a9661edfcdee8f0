import cors from '@fastify/cors'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { Logger } from 'pino'
import type { IdSource } from '../../lib/ids.ts'
import { traceIdOf } from '../telemetry/trace-context.ts'
import { refuseBadHttp } from './client-error.ts'
import { type DispatchDeps, dispatcher } from './dispatch.ts'
import { type Gate, gate } from './gate.ts'
import { takeJsonBodies } from './json-body.ts'
import { notFoundHandler, servedPaths } from './not-found.ts'
import { readsAhead, tooFarAhead } from './pipelining.ts'
import { tellable } from './problem.ts'
import { sendProblem } from './problem-reply.ts'
import type { Route } from './route.ts'

export const PREFIX = '/api/v3/saas'
const BODY_LIMIT = 1_048_576
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/
const POLL_MS = 20
/** Most connections rest. Whoever holds more than so many for each place takes the process's files, which the database needs too. */
const CONNECTIONS_A_PLACE = 10
/** A server of few places has room for these all the same: who finds no place is to hear why. */
const LEAST_CONNECTIONS = 1_000

/** Told of each request's end; the log, the metrics and the tracer listen. */
export interface Observer {
  /**
   * `routeId` is 'unmatched' where no route was found: labels never hold what a caller made up. `status` is 499 where the client went away
   * before its answer.
   */
  ended(request: FastifyRequest, reply: FastifyReply, routeId: string, milliseconds: number, status: number): void
}

export interface ServerOptions<S> extends DispatchDeps {
  readonly routes: readonly Route<S>[]
  readonly services: S
  readonly ids: IdSource
  readonly log: Logger
  readonly corsOrigins: readonly string[]
  readonly maxInFlight: number
  /** Whose X-Forwarded-For is believed; none unless told. */
  readonly trustedProxies?: readonly string[]
  readonly observers: readonly Observer[]
}

export interface HttpServer {
  readonly app: FastifyInstance
  /** Refuses what is new, finishes what began, and closes; gives up waiting after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
  inFlight(): number
}

/** The server over a table of routes. Root endpoints (health, metrics, docs) are registered on `app` by the composition root. */
export const buildServer = async <S>(options: ServerOptions<S>): Promise<HttpServer> => {
  const { routes, services, ids, log, corsOrigins, maxInFlight, trustedProxies = [], observers } = options
  const door = gate(maxInFlight)
  // A logger per request costs more than the request; lines name the request themselves.
  const logger: FastifyBaseLogger = Object.create(log, { child: { value: () => logger } })
  const app: FastifyInstance = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    routerOptions: { maxParamLength: 300 },
    requestTimeout: 60_000,
    // Headers that trickle in hold a connection for so long and no longer; who is too slow is found within the interval.
    http: { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
    // A client that takes nothing of its answer for so long is cut off: until then it counts as a request in hand.
    connectionTimeout: 120_000,
    keepAliveTimeout: 65_000,
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => sendProblem(reply.header('x-request-id', request.id), error),
    clientErrorHandler: refuseBadHttp,
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : ids.next('req')
    },
  })
  app.server.maxConnections = Math.max(LEAST_CONNECTIONS, CONNECTIONS_A_PLACE * maxInFlight)
  for (const property of ['caller', 'tenantId', 'traceId'] as const) app.decorateRequest(property, undefined)
  app.decorateRequest('began', 0).decorateRequest('holds', 0).decorateRequest('isStranger', false)

  const standing = readsAhead()
  app.addHook('onRequest', (request, reply, next) => {
    const stands = standing(request.raw, reply.raw)
    if (stands === 'unheard') {
      reply.hijack()
      return
    }
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id)
    const ended = () => {
      const routeId = request.routeOptions.config?.id ?? 'unmatched'
      request.traceId ??= traceIdOf(request.headers.traceparent)
      const status = reply.raw.writableEnded ? reply.statusCode : 499
      for (const observer of observers) observer.ended(request, reply, routeId, performance.now() - request.began, status)
    }
    if (stands === 'refused') {
      door.turnAway(request, reply, ended)
      next(tooFarAhead())
      return
    }
    const refusal = door.enter(request, reply, ended)
    // What is no route of the API asks for no key: whoever it is stays a stranger.
    next(refusal ?? (request.routeOptions.config.asksForKey ? undefined : door.enterStranger(request)))
  })
  takeJsonBodies(app)
  await allowOrigins(app, corsOrigins)

  app.setErrorHandler((error, request, reply) => {
    if (!tellable(error))
      request.log.error({ err: error, request_id: request.id, route: request.routeOptions.config.id }, 'a request failed')
    if (door.isShut()) reply.header('connection', 'close')
    return sendProblem(reply, error)
  })
  const served = servedPaths()
  app.addHook('onRoute', ({ method, url }) => served.add(method, url))
  for (const route of routes) {
    const { admit, handle } = dispatcher(route, services, options)
    app.route({
      method: route.method,
      url: PREFIX + route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      config: { id: route.id, asksForKey: true },
      ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
      onRequest: (request, reply, done) => admit(request, reply, door, done),
      handler: (request, reply) => handle(request, reply, door),
    })
  }
  app.setNotFoundHandler(notFoundHandler(served))
  return { app, inFlight: door.inFlight, stop: (timeoutMs) => stop(app, door, timeoutMs) }
}

/**
 * For browsers: nothing of an API is to be framed, sniffed, cached or run; a page that needs scripts says so itself. Written out because
 * the usual plugin works them out anew for each request, which costs as much as the rest of the answer.
 */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-site',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

const allowOrigins = async (app: FastifyInstance, origins: readonly string[]): Promise<void> => {
  if (origins.length === 0) return
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-request-id', 'traceparent', 'tracestate'],
    exposedHeaders: ['x-request-id', 'retry-after', 'ratelimit', 'ratelimit-policy', 'idempotent-replayed'],
    maxAge: 600,
    strictPreflight: false, // refuses in plain text what asks for less than it could
  })
}

const stop = async (app: FastifyInstance, door: Gate, timeoutMs: number): Promise<void> => {
  door.shut()
  const deadline = performance.now() + timeoutMs
  let closed = false
  // Stops listening at once; answers from now on carry 'connection: close'. Resolves when the last connection has ended.
  const closing = app.close().finally(() => {
    closed = true
  })
  while (!closed && performance.now() < deadline) {
    if (door.inFlight() === 0) app.server.closeIdleConnections()
    await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, POLL_MS))])
  }
  if (!closed) app.server.closeAllConnections()
  await closing
}

declare module 'fastify' {
  interface FastifyContextConfig {
    id?: string
    asksForKey?: boolean
  }
  interface FastifyRequest {
    /** Of the W3C trace context, where the caller sent one or traces are on. */
    traceId: string | undefined
  }
}
