// A process of its own: the least that serves what limiter-attack.ts asks for. Fastify, a set of keys, one statement a call; nothing is limited.
import Fastify from 'fastify'
import pg from 'pg'
import { PREFIX } from '../../src/platform/http/server.ts'

const pool = new pg.Pool({ connectionString: process.env.OWNER_URL, max: 12 })
await pool.query('create table if not exists bare_usage (tenant text, at timestamptz default now())')
const keys = new Set(process.env.KEYS?.split(',').map((key) => `Bearer ${key}`))
const app = Fastify()
app.addHook('onRequest', (request, reply, next) => {
  if (keys.has(request.headers.authorization ?? '')) next()
  else reply.code(401).send({ code: 'key_invalid' })
})
app.get<{ Params: { id: string } }>(`${PREFIX}/usage/:id/realtime`, async (request) => {
  const { rows } = await pool.query('select name from tenants where id = $1', [request.params.id])
  return { found: rows.length }
})
app.post(`${PREFIX}/usage/record`, async (request) => {
  await pool.query('insert into bare_usage (tenant) values ($1)', [request.headers.authorization])
  return { recorded: 1 }
})
app.get(`${PREFIX}/tenants/:id`, async () => ({}))
const url = await app.listen({ port: 0, host: '127.0.0.1' })
process.send?.({ url })
process.once('disconnect', async () => {
  await app.close()
  await pool.end()
})
