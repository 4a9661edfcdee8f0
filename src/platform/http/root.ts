import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

export interface RootOptions {
  /** Throws when the database cannot be reached. */
  readonly ready: () => Promise<void>
  readonly registry: Registry
  readonly openApi: Readonly<Record<string, unknown>>
}

/** What lies outside the API's prefix: probes, metrics, the API's description and its reference page, which loads nothing from elsewhere. */
export const registerRoot = async (app: FastifyInstance, { ready, registry, openApi }: RootOptions): Promise<void> => {
  app.get('/health/live', { config: { id: 'live' } }, async () => ({ status: 'ok' }))

  app.get('/health/ready', { config: { id: 'ready' } }, async (request, reply) => {
    try {
      await ready()
      return { status: 'ok' }
    } catch (error) {
      request.log.warn({ err: error }, 'not ready')
      return reply.code(503).header('retry-after', '1').send({ status: 'unavailable', waiting_for: 'database' })
    }
  })

  app.get('/metrics', { config: { id: 'metrics' } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )

  const description = JSON.stringify(openApi)
  app.get('/openapi.json', { config: { id: 'openapi' } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(description),
  )

  app.get('/', { config: { id: 'home' } }, async (_request, reply) => reply.redirect('/docs', 302))

  await app.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      content: description,
      pageTitle: 'CognitionOS API',
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  })
}
