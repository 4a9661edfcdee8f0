import Fastify from 'fastify'
import pg from 'pg'
import { PREFIX } from '../src/platform/http/server.ts'

/** The least that answers a GET by id: Fastify, one SELECT by primary key as the owner; no key, no tenant, no transaction, no log. */
const pool = new pg.Pool({ connectionString: process.env.BENCH_OWNER_URL, max: 12 })
const app = Fastify()
app.get<{ Params: { id: string } }>(`${PREFIX}/tenants/:id`, async (request, reply) => {
  const { rows } = await pool.query('select * from tenants where id = $1', [request.params.id])
  return rows[0] ?? reply.code(404).send({ code: 'not_found' })
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })
process.send?.({ url })
process.once('disconnect', async () => {
  await app.close()
  await pool.end()
})
