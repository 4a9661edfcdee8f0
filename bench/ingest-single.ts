import type pg from 'pg'
import { BARE_SINGLE, barePool, bareValues, benchEvent } from './bare-table.ts'
import { type Claim, interleave, seconds } from './claim.ts'
import { each, load, request } from './http-load.ts'
import { createTenant, startServer } from './server-process.ts'

const CONCURRENCY = 64

/** Single records over HTTP, each durable before its answer, against a bare INSERT and commit for each row at the same concurrency. */
export const ingestSingle: Claim = {
  name: 'ingest-single',
  unit: 'events/s',
  goal: 1.3,
  async run(place, { short }) {
    const rounds = short ? 3 : 7
    const count = short ? 15_000 : 30_000
    const server = await startServer('serve-app.ts', place)
    const tenant = await createTenant(server)
    const of = (run: string, round: number) =>
      Array.from({ length: count }, (_, i) => benchEvent(`${run}${round}`, round * count + i))

    const bareOn = (pool: pg.Pool, name?: string) => async (round: number) => {
      const rows = of(`bare${name ?? ''}${pool.options.max}-`, round)
        .map((event) => bareValues(tenant.id, event))
        .values()
      const worker = async () => {
        for (const values of rows) await pool.query({ ...(name ? { name } : {}), text: BARE_SINGLE, values })
      }
      const took = await seconds(() => Promise.all(Array.from({ length: CONCURRENCY }, worker)))
      return count / took
    }

    // The reference gets the pool that serves it best: many connections are not the fastest on few cores.
    const tried: { size: number; speed: number }[] = []
    for (const size of [16, 32, 64]) {
      const pool = await barePool(place, size)
      await bareOn(pool)(0)
      tried.push({ size, speed: await bareOn(pool)(1) })
      await pool.end()
    }
    const best = tried.toSorted((a, b) => b.speed - a.speed)[0]?.size ?? CONCURRENCY
    const pool = await barePool(place, best)
    try {
      const figures = await interleave(
        rounds,
        async (round) => {
          const requests = of('ours', round).map((event) => request('POST', '/usage/record', tenant.key, JSON.stringify(event)))
          const took = await load(server.port, CONCURRENCY, each(requests))
          return count / took.seconds
        },
        bareOn(pool),
      )
      const prepared = await bareOn(pool, 'prepared')(0)
      const { rows } = await pool.query(`select (select count(*) from tenant_plane.usage_events)::int as ours,
        (select sum(events) from tenant_plane.usage_hours)::int as rolled, (select count(*) from bare_events)::int as bare`)
      const expected = (rounds + 1) * count
      if (rows[0].ours !== expected || rows[0].rolled !== expected || rows[0].bare !== expected + count)
        throw new Error(
          `of ${expected} events ${rows[0].ours} were stored, ${rows[0].rolled} rolled up, ${rows[0].bare} by the reference`,
        )
      const sizes = tried.map(({ size, speed }) => `${size}: ${Math.round(speed)}`).join(', ')
      return {
        ...figures,
        notes: [
          `${CONCURRENCY} in flight; the reference is pool.query(text, values) on ${best} connections, its best (rows/s by pool size: ${sizes})`,
          `with a statement prepared by name the reference does ${Math.round(prepared)} rows/s`,
          `${rounds} rounds of ${count} each by turns, medians`,
        ],
      }
    } finally {
      await pool.end()
      await server.stop()
    }
  },
}
