import { once } from 'node:events'
import { createLimiter, expressRateLimit, fastifyRateLimit, honoRateLimit } from 'cognitionos/ratelimits'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'

/** Prints what two requests are answered by each framework, of which its middleware lets the first through. */
const limits = { api: { algorithm: 'FIXED_WINDOW', limit: 1, windowMs: 86_400_000, anchor: 'first_use' } }
const options = () => ({ limiter: createLimiter({ limits }), limits, random: () => 0, asks: () => [{ limit: 'api', key: 'a' }] })

const fastify = Fastify()
fastify.register(fastifyRateLimit(options()))
fastify.get('/', async () => 'served')
const fastifyUrl = await fastify.listen({ port: 0, host: '127.0.0.1' })

const application = express()
application.use(expressRateLimit(options()))
application.get('/', (_request, response) => response.send('served'))
const server = application.listen(0, '127.0.0.1')
await once(server, 'listening')

const hono = new Hono()
hono.use(honoRateLimit(options()))
hono.get('/', (context) => context.text('served'))

const told = async (response) => [response.status, response.headers.get('ratelimit-policy'), (await response.text()).slice(0, 6)]
const twice = async (ask) => [await told(await ask()), await told(await ask())]
console.log(
  JSON.stringify({
    fastify: await twice(() => fetch(fastifyUrl)),
    express: await twice(() => fetch(`http://127.0.0.1:${server.address().port}/`)),
    hono: await twice(() => hono.request('/')),
  }),
)
server.close()
await fastify.close()
