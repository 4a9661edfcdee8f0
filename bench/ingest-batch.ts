import { BARE_INSERT, barePool, bareRow, benchEvent } from './bare-table.ts'
import { type Claim, interleave, seconds } from './claim.ts'
import { each, load, request } from './http-load.ts'
import { createTenant, startServer } from './server-process.ts'

const SIZE = 10_000
const IN_FLIGHT = 4

const events = (run: string, round: number, batches: number) =>
  Array.from({ length: batches }, (_, b) =>
    Array.from({ length: SIZE }, (_, i) => benchEvent(`${run}${round}`, (round * batches + b) * SIZE + i)),
  )

/** Batches through the whole path (HTTP, validation, price, dedup, roll-up, commit) against a bare insert of the same rows. */
export const ingestBatch: Claim = {
  name: 'ingest-batch',
  unit: 'events/s',
  goal: 0.6,
  floor: 40_000,
  async run(place, { short }) {
    const rounds = short ? 3 : 7
    const batches = short ? 8 : 12
    const server = await startServer('serve-app.ts', place)
    const pool = await barePool(place, IN_FLIGHT)
    const tenant = await createTenant(server)
    try {
      const figures = await interleave(
        rounds,
        async (round) => {
          const bodies = events('ours', round, batches).map((list) =>
            request('POST', '/usage/batch', tenant.key, JSON.stringify({ events: list })),
          )
          const took = await load(server.port, IN_FLIGHT, each(bodies))
          return (batches * SIZE) / took.seconds
        },
        async (round) => {
          const bodies = events('bare', round, batches).map((list) =>
            JSON.stringify(list.map((event) => bareRow(tenant.id, event))),
          )
          const took = await seconds(() => Promise.all(bodies.map((body) => pool.query(BARE_INSERT, [body]))))
          return (batches * SIZE) / took
        },
      )
      const stored = await pool.query(`select (select count(*) from tenant_plane.usage_events)::int as ours,
        (select sum(events) from tenant_plane.usage_hours)::int as rolled, (select count(*) from bare_events)::int as bare`)
      const expected = (rounds + 1) * batches * SIZE
      const { ours, rolled, bare } = stored.rows[0]
      if (ours !== expected || rolled !== expected || bare !== expected)
        throw new Error(`of ${expected} events ${ours} were stored, ${rolled} rolled up, ${bare} by the reference`)
      return {
        ...figures,
        notes: [`batches of ${SIZE}, ${IN_FLIGHT} in flight on both sides, ${rounds} rounds each by turns, medians`],
      }
    } finally {
      await pool.end()
      await server.stop()
    }
  },
}
