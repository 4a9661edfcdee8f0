import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

export interface RootOptions {
  /** Throws when the database cannot be reached. */
  readonly ready: () => Promise<void>
  readonly registry: Registry
  readonly openApi: Readonly<Record<string, unknown>>
}

/** The reference page runs its own script and nothing else's; the browser itself refuses whatever would be loaded from elsewhere. */
const DOCS_POLICY =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"

/** What lies outside the API's prefix: probes, metrics, the API's description and its reference page, which loads nothing from elsewhere. */
export const registerRoot = async (app: FastifyInstance, { ready, registry, openApi }: RootOptions): Promise<void> => {
  app.get('/health/live', { config: { id: 'live' } }, async () => ({ status: 'ok' }))

  app.get('/health/ready', { config: { id: 'ready' } }, async (request, reply) => {
    try {
      await ready()
      return { status: 'ok' }
    } catch (error) {
      request.log.warn({ err: error, request_id: request.id }, 'not ready')
      return reply.code(503).header('retry-after', '1').send({ status: 'unavailable', waiting_for: 'database' })
    }
  })

  // Open to whoever reaches the port: its labels name routes, methods and statuses, never a tenant.
  app.get('/metrics', { config: { id: 'metrics' } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )

  const description = JSON.stringify(openApi)
  app.get('/openapi.json', { config: { id: 'openapi' } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(description),
  )

  app.get('/', { config: { id: 'home' } }, async (_request, reply) => reply.redirect('/docs/', 302))

  await app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, id: 'docs' }
    })
    docs.addHook('onRequest', (_request, reply, next) => {
      reply.header('content-security-policy', DOCS_POLICY)
      next()
    })
    await docs.register(scalar, {
      routePrefix: '/docs',
      configuration: {
        url: '/openapi.json',
        pageTitle: 'CognitionOS API',
        withDefaultFonts: false,
        telemetry: false,
        hideClientButton: true,
        showDeveloperTools: 'never',
        agent: { disabled: true },
        mcp: { disabled: true },
      },
    })
  })
}
