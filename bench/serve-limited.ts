import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import rateLimitPlugin from '@fastify/rate-limit'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { fastifyRateLimit } from '../src/modules/ratelimits/limiter/http/fastify.ts'
import { createLimiter, type Policy } from '../src/modules/ratelimits/limiter/index.ts'
import { PREFIX } from '../src/platform/http/server.ts'

/** Two routes under one limiter by address, in a process of its own: `serve-limited.ts <server> <limit>`. Tells its processor time when asked. */
const HOUR_MS = 3_600_000
const limit = Number(process.argv[3])

const ITEM = { name: 'Widget', price: '12.50', currency: 'USD', tags: ['a', 'b'], createdAt: '2026-01-01T00:00:00Z' }

interface Completion {
  readonly model: string
  readonly messages: readonly unknown[]
}

const text = { type: 'string', minLength: 1 } as const
const message = { type: 'object', required: ['role', 'content'], properties: { role: text, content: text } } as const
const COMPLETION = {
  body: {
    type: 'object',
    required: ['model', 'messages'],
    properties: { model: text, messages: { type: 'array', minItems: 1, items: message } },
  },
}

const completed = ({ model, messages }: Completion) => ({ id: 'completion_1', model, received: messages.length, ...ITEM })

const onFastify = async (limited: (app: FastifyInstance) => unknown): Promise<number> => {
  const app = Fastify()
  await limited(app)
  app.get<{ Params: { id: string } }>(`${PREFIX}/items/:id`, (request, reply) => {
    reply.send({ id: request.params.id, ...ITEM })
  })
  app.post<{ Body: Completion }>(`${PREFIX}/completions`, { schema: COMPLETION }, (request, reply) => {
    reply.send(completed(request.body))
  })
  return Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
}

const onExpress = async (limited: (app: express.Application) => void): Promise<number> => {
  const app = express()
  limited(app)
  app.use(express.json())
  app.get(`${PREFIX}/items/:id`, (request, response) => response.json({ id: request.params.id, ...ITEM }))
  app.post(`${PREFIX}/completions`, (request, response) => response.json(completed(request.body)))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address: AddressInfo | string | null = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

const SERVERS: Readonly<Record<string, () => Promise<number>>> = {
  fastify: () => onFastify(() => {}),
  ours: () =>
    onFastify((app) => {
      const limits: Record<string, Policy> = { api: { algorithm: 'FIXED_WINDOW', limit, windowMs: HOUR_MS } }
      const asks = (request: FastifyRequest) => [{ limit: 'api', key: request.ip }]
      const random = () => randomInt(2 ** 32) / 2 ** 32
      return app.register(fastifyRateLimit({ limiter: createLimiter({ limits }), limits, asks, random }))
    }),
  '@fastify/rate-limit': () => onFastify((app) => app.register(rateLimitPlugin, { max: limit, timeWindow: HOUR_MS })),
  express: () => onExpress(() => {}),
  'express-rate-limit': () =>
    onExpress((app) => app.use(rateLimit({ windowMs: HOUR_MS, limit, standardHeaders: 'draft-8', legacyHeaders: false }))),
}

const serve = SERVERS[process.argv[2] ?? '']
if (!serve) throw new Error(`usage: serve-limited.ts ${Object.keys(SERVERS).join('|')} LIMIT`)
process.on('message', () => process.send?.({ cpu: process.cpuUsage() }))
process.once('disconnect', () => process.exit())
process.send?.({ port: await serve() })
