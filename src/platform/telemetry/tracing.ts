import type { SpanKind } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'

export interface Tracing {
  stop(): Promise<void>
}

const SERVER: SpanKind = 1

/**
 * A span a request, named by its route, a child of the caller's `traceparent`, sent to an OTLP endpoint over HTTP. Only called when an
 * endpoint is configured: without one, nothing of OpenTelemetry is loaded.
 */
export const traceRequests = async (app: FastifyInstance, endpoint: string, version: string): Promise<Tracing> => {
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
      if (reply.statusCode >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR })
      span.end()
    })
    api.context.with(api.trace.setSpan(parent, span), next)
  })
  return { stop: () => provider.shutdown() }
}
