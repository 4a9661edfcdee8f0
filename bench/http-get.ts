import { type Claim, interleave } from './claim.ts'
import { during, load, request } from './http-load.ts'
import { createTenant, startServer } from './server-process.ts'

const CONCURRENCY = 64

/** A GET by id with key, scope, tenancy and row security against a bare route with the same SELECT and none of them. */
export const httpGet: Claim = {
  name: 'http-get',
  unit: 'requests/s',
  goal: 0.6,
  async run(place, { short }) {
    const rounds = short ? 3 : 7
    const milliseconds = short ? 2_000 : 3_000
    const server = await startServer('serve-app.ts', place)
    const bare = await startServer('serve-bare.ts', place)
    const tenant = await createTenant(server)
    const measure = (port: number, key: string | undefined) => async () => {
      const same = request('GET', `/tenants/${tenant.id}`, key)
      const { answers, seconds } = await load(port, CONCURRENCY, during(milliseconds, same))
      return answers / seconds
    }
    try {
      const figures = await interleave(rounds, measure(server.port, tenant.key), measure(bare.port, undefined))
      const notes = [
        `${CONCURRENCY} in flight, a pool of 12 on both sides, ${rounds} rounds of ${milliseconds / 1_000} s by turns, medians`,
      ]
      return { ...figures, notes }
    } finally {
      await server.stop()
      await bare.stop()
    }
  },
}
