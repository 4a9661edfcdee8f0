import type { Context, SpanKind } from '@opentelemetry/api'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'

/** Runs `work` within a span of its own. */
export type InSpan = <T>(name: string, attributes: Readonly<Record<string, string>>, work: () => Promise<T>) => Promise<T>

/** Where traces are off. */
export const untraced: InSpan = (_name, _attributes, work) => work()

export interface Tracing {
  /** From now on each request is a span named by its route, a child of the caller's `traceparent`. */
  traceRequests(app: FastifyInstance): void
  /** A piece of work that nobody asked for: a job, the delivery of an event. The first span of a trace. */
  readonly whole: InSpan
  /** A part of the request or of the work in hand; outside of both there is no span: a poll tells nothing. */
  readonly part: InSpan
  /** Sends what waits, and gives up on a collector that does not take it. Never throws. */
  stop(): Promise<void>
}

const INTERNAL: SpanKind = 0
const SERVER: SpanKind = 1
const CLIENT: SpanKind = 2
const STOP_WITHIN_MS = 3_000

/** A refusal that the caller earned is no fault of ours. */
const isFault = (error: unknown): boolean =>
  !(error instanceof AppError) || error.kind === 'unavailable' || error.kind === 'config'
const typeOf = (error: unknown): string =>
  error instanceof AppError ? error.code : error instanceof Error ? error.name : 'unknown'

/**
 * Traces, sent to an OTLP endpoint over HTTP. Only called when an endpoint is configured: without one, nothing of OpenTelemetry is loaded
 * and nothing of it runs.
 */
export const startTracing = async (endpoint: string, version: string): Promise<Tracing> => {
  const [api, { BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'cognitionos', 'service.version': version }),
    spanProcessors: [
      new BatchSpanProcessor(
        new OTLPTraceExporter({ url: new URL('v1/traces', endpoint.endsWith('/') ? endpoint : `${endpoint}/`).href }),
      ),
    ],
  })
  provider.register()
  const tracer = provider.getTracer('cognitionos')
  const { ERROR } = api.SpanStatusCode

  const inSpan =
    (kind: SpanKind): InSpan =>
    (name, attributes, work) =>
      tracer.startActiveSpan(name, { kind, attributes }, async (span) => {
        try {
          return await work()
        } catch (error) {
          span.setAttribute('error.type', typeOf(error))
          if (isFault(error)) span.setStatus({ code: ERROR })
          throw error
        } finally {
          span.end()
        }
      })
  const inPart = inSpan(CLIENT)

  return {
    traceRequests(app) {
      const contexts = new WeakMap<FastifyRequest, Context>()
      app.addHook('onRequest', (request, reply, next) => {
        const parent = api.propagation.extract(api.ROOT_CONTEXT, request.headers)
        const name = request.routeOptions.config?.id ?? 'unmatched'
        const attributes = {
          'http.request.method': request.method,
          'http.route': request.routeOptions.url ?? '',
          'cognitionos.request_id': request.id,
        }
        const span = tracer.startSpan(name, { kind: SERVER, attributes }, parent)
        request.traceId = span.spanContext().traceId
        // Comes after every end, also when the client goes away.
        reply.raw.once('close', () => {
          span.setAttribute('http.response.status_code', reply.statusCode)
          if (request.tenantId) span.setAttribute('cognitionos.tenant_id', request.tenantId)
          if (reply.statusCode >= 500) span.setStatus({ code: ERROR })
          span.end()
        })
        const context = api.trace.setSpan(parent, span)
        contexts.set(request, context)
        api.context.with(context, next)
      })
      // The body arrives by events of the connection, which is older than the request.
      app.addHook('preValidation', (request, _reply, next) => {
        api.context.with(contexts.get(request) ?? api.ROOT_CONTEXT, next)
      })
    },
    whole: (name, attributes, work) => api.context.with(api.ROOT_CONTEXT, () => inSpan(INTERNAL)(name, attributes, work)),
    part: (name, attributes, work) => (api.trace.getActiveSpan() ? inPart(name, attributes, work) : work()),
    async stop() {
      const late = new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref())
      await Promise.race([provider.shutdown().catch(() => {}), late])
    },
  }
}
